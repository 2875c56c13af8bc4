"""Membership scores, and the oracles that answer an auditor's queries."""

from taggant.score.oracle import Oracle
from taggant.score.score import Score

__all__ = ["Oracle", "Score"]
