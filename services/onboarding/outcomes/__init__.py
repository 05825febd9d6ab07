"""What came of the journeys: cases, statistics and the report, which are pure; where they are read, and how they are shown."""
