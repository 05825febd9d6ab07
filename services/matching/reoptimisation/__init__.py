"""Better pairs among those that have not met: found, kept, and taken step by step by a coordinator."""
