"""Runs as commits: created, moved forward, read."""
