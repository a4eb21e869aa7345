"""Finding runs: the index, the names that users type, comparisons."""
