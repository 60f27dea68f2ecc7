"""What a model can do in the user's project: tools, their arguments and their outcomes."""
