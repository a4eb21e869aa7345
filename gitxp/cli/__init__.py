"""The command line: one file per command; parse, one call of `Repo`, one rendering."""
