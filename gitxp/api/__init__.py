"""Runs for Python: what `gitxp.runs()` gives to programs and notebooks, over Repo."""
