"""What a run stood on: machine, system, interpreter, packages, the project's own files of them."""
