"""The whole system in one process on a virtual clock, with a store and a broker that misbehave by seed: docs/proof.md."""
