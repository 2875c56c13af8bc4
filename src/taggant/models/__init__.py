"""Models that people have, opened so that they can be asked: see `taggant.models.load`."""
