"""taggant: was a visual model trained on given images? An answer with a provable error rate."""

__version__ = "0.1.0"
