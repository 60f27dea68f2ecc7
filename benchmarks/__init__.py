"""Benchmarks: acp-agent beside the official SDKs' agents in one run, as ratios."""
