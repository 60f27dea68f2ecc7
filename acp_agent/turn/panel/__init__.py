"""Mode ``panel``: a prompt goes to several candidates, and one answer is shown."""
