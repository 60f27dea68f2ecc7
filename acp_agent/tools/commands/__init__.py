"""Running commands: the tool, processes of our own, and what the system keeps them from."""
