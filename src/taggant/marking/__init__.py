"""Marking: the owner's side. Schemes make versions of images; the ledger keeps the secret."""

from taggant.marking.ledger import Ledger
from taggant.marking.publish import Published, publish
from taggant.marking.scheme import Scheme

__all__ = ["Ledger", "Published", "Scheme", "publish"]
