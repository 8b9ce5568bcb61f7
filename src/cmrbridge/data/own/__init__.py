"""A folder that nobody has described: what its files and their names tell, as a manifest."""
