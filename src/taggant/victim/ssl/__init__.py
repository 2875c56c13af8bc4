"""Encoders that learn without labels, one method a file."""
