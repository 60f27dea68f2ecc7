"""The tools that read, find and change files, and the local disk under them."""
