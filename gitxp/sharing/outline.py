"""What is known of a remote without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.capture.secrets.redaction import redact_url
from gitxp.exchange import RemoteOutline

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.format import Oid
    from gitxp.git.remote import Remote


def outline(remote: Remote, count: int, known: Sequence[Collection[Oid]], tips: Sequence[Oid]) -> RemoteOutline:
    """A remote that had so many runs, and the tips known at each address that is pushed to, beside the tips that are here."""
    unpushed = sum(any(tip not in there for there in known) for tip in tips)
    return RemoteOutline(remote.name, redact_url(remote.url), count, unpushed)
