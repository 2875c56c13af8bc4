"""taggant: find out, with a provable error rate, whether a visual model was trained on given images."""

__version__ = "0.1.0"
