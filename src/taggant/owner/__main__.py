"""`python -m taggant.owner`."""

from taggant.owner.cli import main

main()
