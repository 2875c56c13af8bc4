"""Defences: what the maker of a model does to hide which images it learned from."""
