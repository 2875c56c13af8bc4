"""Encoders that learn without labels, one method a file."""

from taggant.extras import library

library("lightly", "encoders that learn without labels (victim=simclr and the like)")
