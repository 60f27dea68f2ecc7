"""Local models on disk: the catalogue, installing, verifying. Do not run them."""
