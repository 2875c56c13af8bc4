"""The Python API: mark images, audit models. Import its names from ``taggant`` itself.

Every step is the function that Hydra's stages and the owner's tool call too.
"""
