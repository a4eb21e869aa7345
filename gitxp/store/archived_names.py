"""The names that archives have, for whoever looks for a free one: read by git alone, on the way to a run's start."""

from __future__ import annotations

from gitxp.format import RUN_REFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.git.program import Git

_ARCHIVES = f"{RUN_REFS}@archive-"
_WORTH_READING = 128 * 1024 * 1024


def find_archived(git: Git, beginning: str, *, whole: bool = False) -> list[str]:
    """The names in all archives that begin with this, or are this as a `whole`, whatever the case.

    Archives that are damaged or too large are passed over.
    """
    found: list[str] = []
    wanted = b"\n" + beginning.lower().encode("ascii", "replace") + (b"\t" if whole else b"")
    listed = git.run("for-each-ref", "--format=%(refname)", f"{_ARCHIVES}*").decode("utf-8", "replace")
    for ref in listed.split():
        size = git.ask("cat-file", "-s", f"{ref}:runs.tsv").stdout.strip()
        if not size.isdigit() or int(size) > _WORTH_READING:
            continue
        data = b"\n" + git.ask("cat-file", "blob", f"{ref}:runs.tsv").stdout
        low, at = data.lower(), -1
        while (at := low.find(wanted, at + 1)) >= 0:
            found.append(data[at + 1 : data.find(b"\t", at + 1)].decode("ascii", "replace"))
    return found
