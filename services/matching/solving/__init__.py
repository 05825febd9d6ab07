"""The exact solver of a batch: numbers in, an assignment with its proof out."""
