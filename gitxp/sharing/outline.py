"""What is known of a remote without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.capture.secrets.redaction import redact_url
from gitxp.exchange import RemoteOutline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.format import Oid
    from gitxp.git.remote import Remote


def outline(remote: Remote, tracked: Mapping[str, Oid], tips: Sequence[tuple[str, Oid]]) -> RemoteOutline:
    """A remote beside the runs that are here: names and tips."""
    known = set(tracked.values())
    unpushed = sum(tip not in known for _, tip in tips)
    return RemoteOutline(remote.name, redact_url(remote.url), len(tracked), unpushed)
