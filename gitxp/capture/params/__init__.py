"""What was chosen for a run: by options, overrides, configuration files and constants, as named scalars."""
