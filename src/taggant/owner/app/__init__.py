"""A local page for people who use no terminal: the four steps of the owner's tool."""
