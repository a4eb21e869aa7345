"""Runs between repositories: what comes, what goes, and what leaves the machine with it."""
