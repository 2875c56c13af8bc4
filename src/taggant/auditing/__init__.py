"""Audits: read hidden versions, rank the published one, decide."""
