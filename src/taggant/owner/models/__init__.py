"""What of a model only the owner's tool opens: run folders; see `open_model`."""
