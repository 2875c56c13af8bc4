"""Finished stages, kept by what they depend on: identity, artifacts, locks, upkeep."""
