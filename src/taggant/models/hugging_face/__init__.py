"""Models of the transformers library, from folders that are read as data."""
