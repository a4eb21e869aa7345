"""What the commands that annotate have in common: several runs at once, and one line for each that says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.capture.secrets.redaction import REDACTED
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.errors import AmbiguousRun, UnknownRun
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.annotations import Edit
    from gitxp.repo import Repo
    from gitxp.store.annotate import Annotated

_LONGEST = 200  # characters of a text of the user's that are said back


def is_run(repo: Repo, text: str) -> bool:
    """Whether a text can only be meant as a run: its whole name or id, or `@`. A word that begins a name is a word."""
    try:
        found = repo.get(text)
    except (UnknownRun, AmbiguousRun):
        return False
    return text.startswith("@") or text in {found.name, found.id, found.commit}


def annotate(texts: Sequence[str], **wish: Any) -> None:
    """Say something of these runs."""
    with open_repo() as repo:
        tell_annotated(repo.annotate(repo.get_all(texts), **wish))


def tell_annotated(done: Sequence[Annotated]) -> None:
    """One line for each run on stderr: what was stored, which may be less than what was said."""
    for run in done:
        say([f"{run.name}: {_words(run.edit) if run.edit else 'nothing new'}"])


def _words(edit: Edit) -> str:
    text = edit.summary()
    words = visible(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
    is_cut = any(REDACTED in said for said in (edit.note, edit.title, edit.group, *edit.add_tags) if said)
    return f"{words} (without what looks like a secret)" if is_cut else words
