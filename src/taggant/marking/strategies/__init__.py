"""How the n versions of an image differ: one strategy a file."""
