"""Models that generate images, and their training on marked ones."""

from taggant.extras import library

library(
    "diffusers", "models that generate images (victim=diffusion and the like, defence=diffusion)"
)
