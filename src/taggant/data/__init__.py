"""Data: sets of images in memory, and the loaders that `conf/data/*.yaml` name."""

from taggant.data.imageset import ImageSet, Splits

__all__ = ["ImageSet", "Splits"]
