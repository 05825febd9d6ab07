"""Faults on the real engines: Apache Kafka, a MongoDB replica set of three and two workers of each service as processes.

`python -m tests.chaos --hires N --faults K --seed S --json` does it; docs/faults.md says what was found.
"""
