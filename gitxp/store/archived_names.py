"""The names that archives have, for whoever looks for a free one: read by git alone, on the way to a run's start."""

from __future__ import annotations

from gitxp.format import RUN_REFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitxp.git.program import Git

ARCHIVES = f"{RUN_REFS}@archive-*"
_WORTH_READING = 128 * 1024 * 1024


def find_archived(git: Git, refs: Iterable[str], beginning: str, *, whole: bool = False) -> list[str]:
    """The names in archives, with these refs, that begin with this, or are this as a `whole`, whatever the case.

    Two processes of git, however many archives there are, and none where there are none. Archives that are damaged or
    too large are passed over.
    """
    lists = [f"{ref}:runs.tsv" for ref in refs if ref.startswith(ARCHIVES[:-1])]
    if not lists:
        return []
    asked = "".join(f"{path}\n" for path in lists).encode("utf-8", "replace")
    sizes = git.run("cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname)", data=asked).split(b"\n")
    oids = [
        oid
        for kind, size, oid in (line.split(b" ") for line in sizes if line.startswith(b"blob "))
        if int(size) <= _WORTH_READING
    ]
    # between two lists stands a line of git's, which has no tab
    data = b"\n" + git.run("cat-file", "--batch", data=b"".join(oid + b"\n" for oid in oids)) if oids else b""
    found: list[str] = []
    wanted = b"\n" + beginning.lower().encode("ascii", "replace") + (b"\t" if whole else b"")
    low, at = data.lower(), -1
    while (at := low.find(wanted, at + 1)) >= 0:
        name, tab, _ = data[at + 1 : data.find(b"\n", at + 1)].partition(b"\t")
        if tab:
            found.append(name.decode("ascii", "replace"))
    return found
