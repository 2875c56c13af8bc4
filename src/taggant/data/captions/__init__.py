"""Pictures with captions: what a table, a JSON file or a tar shard says of them."""
