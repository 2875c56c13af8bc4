"""Audits of a whole set: one question, one p-value."""
