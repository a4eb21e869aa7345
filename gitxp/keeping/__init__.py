"""What may go: removed runs, rules for many of them, what takes the space, what is not as it should be."""
