"""What is known of a remote without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.capture.secrets.redaction import redact_url
from gitxp.errors import FormatError
from gitxp.exchange import RemoteOutline
from gitxp.format import RUN_REFS
from gitxp.git.refs import is_archive
from gitxp.store.archives import read_archive

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.remote import Remote


def outline(
    remote: Remote, names: Collection[str], known: Sequence[Collection[Oid]], tips: Sequence[Oid]
) -> RemoteOutline:
    """A remote that had runs of these names, and the tips known at each address that is pushed to, beside those that are here."""
    unpushed = sum(any(tip not in there for there in known) for tip in tips)
    return RemoteOutline(remote.name, redact_url(remote.url), len(names), unpushed)


def find_runs(objects: Objects, tracked: Mapping[str, Oid]) -> tuple[set[str], set[Oid]]:
    """The names and tips of the runs among what a remote had: those with refs of their own, and those that archives list."""
    names: set[str] = set()
    tips: set[Oid] = set()
    for name, tip in tracked.items():
        if is_archive(RUN_REFS + name):
            try:
                listed = read_archive(objects, tip)
            except FormatError:  # a pull tells of it
                continue
            names.update(listed)
            tips.update(listed.values())
        else:
            names.add(name)
            tips.add(tip)
    return names, tips
