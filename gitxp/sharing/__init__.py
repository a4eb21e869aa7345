"""Runs between people: what leaves the machine and what comes to it."""
