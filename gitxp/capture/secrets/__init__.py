"""Secrets: told by name, by shape and by value, kept out of what is recorded, and found before anything leaves."""
