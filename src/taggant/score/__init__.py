"""Membership scores, and the oracles that answer an auditor's queries."""

from taggant.score.oracle import AnyOracle, Oracle
from taggant.score.score import Score

__all__ = ["AnyOracle", "Oracle", "Score"]
