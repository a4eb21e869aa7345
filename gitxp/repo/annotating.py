"""The methods of `Repo` that say something about runs: tags, notes, titles, groups, stars, the archive."""

from __future__ import annotations

import os
import time

from gitxp.repo.archiving import Archiving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.annotations import Annotations, Edit
    from gitxp.model import Run
    from gitxp.store.annotate import Annotated, History


class Annotating(Archiving):
    """What people say of runs afterwards."""

    def annotate(
        self,
        runs: Sequence[Run],
        *,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        note: str | None = None,
        remove_notes: Sequence[int] = (),
        title: str | None = None,
        group: str | None = None,
        star: bool | None = None,
        archive: bool | None = None,
    ) -> list[Annotated]:
        """Say something about runs, in a commit on top of each: the commits and edits, None where a run has nothing new in it.

        An empty `title` or `group` takes it away; `remove_notes` are numbers from 1 on, in the order of `Run.notes`. What
        looks like a secret is `<redacted>`. A run of an archive gets a ref of its own again. Two clones may do so at once: `pull` and `git merge` bring both together.
        Raises `UsageError` for what cannot be said, and where a run has no such note.
        """
        from dataclasses import replace

        from gitxp.annotations import Edit
        from gitxp.capture.secrets.redaction import redact_text
        from gitxp.errors import UsageError
        from gitxp.format import format_time
        from gitxp.store import annotate as writer
        from gitxp.store.writer import find_identity

        identity = find_identity(self._git_here(), os.environ)
        title, group = (None if text is None else text.strip() for text in (title, group))
        note, title, group = (None if text is None else redact_text(text) for text in (note, title, group))
        wish = Edit(
            format_time(time.time_ns()),
            identity.author,
            add_tags=tuple(dict.fromkeys(map(redact_text, add_tags))),
            remove_tags=tuple(dict.fromkeys(remove_tags)),
            note=note,
            title=title,
            group=group,
            star=star,
            archive=archive,
        )

        def make_edit(run: Run) -> Edit | None:
            if run.problem:
                raise UsageError(
                    f"{run.name} cannot be annotated. {run.problem}",
                    hint="'gitxp list' marks runs that cannot be read.",
                )
            gone = _find_notes(run, self.history(run).annotations, remove_notes) if remove_notes else ()
            return _news(run, replace(wish, remove_notes=gone))

        self.take_out([run for run in runs if run.is_folded and make_edit(run) is not None])
        return writer.annotate(self._git_here(), self._reader(), runs, make_edit, identity)

    def history(self, run: Run) -> History:
        """What was said of a run: each edit, by whom and when, in the order in which it counts, and what they come to.

        Raises `FormatError` where the record cannot be read.
        """
        from gitxp.store.annotate import read_history

        return read_history(self._reader(), run.commit)


def _find_notes(run: Run, said: Annotations, numbers: Sequence[int]) -> tuple[str, ...]:
    """The ids of notes by their numbers."""
    from gitxp.errors import UsageError

    there = len(said.notes)
    for number in numbers:
        if not 1 <= number <= there:
            notes = "no notes" if not there else "one note" if there == 1 else f"{there} notes"
            raise UsageError(
                f"{run.name} has {notes}, and none has the number {number}.", hint=f"gitxp show {run.name}"
            )
    return tuple(said.notes[number - 1].id for number in dict.fromkeys(numbers))


def _news(run: Run, wish: Edit) -> Edit | None:
    """What of the wish is not so already; None where all of it is."""
    from dataclasses import replace

    from gitxp.annotations import check_edit

    check_edit(wish)
    edit = replace(
        wish,
        add_tags=tuple(tag for tag in wish.add_tags if tag not in run.tags),
        remove_tags=tuple(tag for tag in wish.remove_tags if tag in run.tags),
        title=None if wish.title == run.record.get("title", "") else wish.title,
        group=None if wish.group == run.record.get("group", "") else wish.group,
        star=None if wish.star == run.starred else wish.star,
        archive=None if wish.archive == run.archived else wish.archive,
    )
    return edit if edit.summary() else None
