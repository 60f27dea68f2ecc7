"""ACP: methods, updates and their wire types. Knows no model and no transport."""
