"""Stages, their store, and how a run goes through them."""
