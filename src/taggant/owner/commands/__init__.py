"""The commands of ``taggant``, a file each, and what their options have in common."""
