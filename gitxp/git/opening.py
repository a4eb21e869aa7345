"""Which reader reads the object database; nothing that reads writes.

Two readers answer the same questions. `CatFile` asks one `git cat-file --batch`: it is there 2 ms after it is wanted and
reads whatever git reads (SHA-256, reftable, partial clones). `Libgit2` works in this process: `import pygit2` costs 75 ms,
but 10,000 records that lie loose take it 0.8 s instead of 1.5 (packed, git is the quicker: 0.35 s to 0.65). So git reads
single runs and libgit2 many; and where libgit2 cannot open the repository, git does all of it. What is wanted of every run,
git reads for both: it works beside this process, and libgit2 within it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

# From this many records on, libgit2 is worth its import.
_MANY = 500


def open_objects(git: Git, common_dir: str, *, expected: int = 1) -> Objects:
    """The reader that suits: libgit2 where `expected` commits are many and it can open the repository, else git."""
    if expected >= _MANY:
        from gitxp.git.libgit2 import Libgit2

        found = Libgit2.open(git, common_dir)
        if found is not None:
            return found
    from gitxp.git.cat_file import CatFile

    return CatFile(git)
