"""The owner's own tool: mark a folder, publish it, audit a model, hand over a certificate."""
