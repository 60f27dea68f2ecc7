"""The tool that reads public web pages."""
