"""What is open in the editor."""
