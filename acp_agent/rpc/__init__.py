"""JSON-RPC over stdio. Knows no ACP."""
