"""The models behind the session modes. Know no ACP."""
