"""The composition root: puts the parts together and names the concrete ones."""
