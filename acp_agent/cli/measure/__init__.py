"""Measuring an installed model for ``acp-agent bench``: the runs and their report."""
