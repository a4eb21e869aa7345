"""The run that this process belongs to; light to import, since it is imported by training scripts."""
