"""A snapshot on disk again, and the command in it: restore, branch, files and artifacts of a run, rerun, reproduce."""
