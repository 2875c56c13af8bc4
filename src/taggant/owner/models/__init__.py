"""Models that an owner may ask, one file for each kind that ``--model`` opens; see `open_model`."""
