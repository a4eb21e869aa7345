"""Everything that touches git: the program (worktree, index, refs, network) and libgit2 (objects, read in bulk)."""
