"""Runs as text, tables and JSON; no git, no terminal."""
