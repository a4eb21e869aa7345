"""What commands that were killed left behind: refs that waited to be sent, folders that they worked in, parts of large files."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

from gitxp.git.lfs import find_store
from gitxp.git.outbox import clear_left, list_left
from gitxp.git.scratch import list_left_scratch
from gitxp.keeping.finding import NOTE, WARNING, Finding, bytes_words, some
from gitxp.store.transfers import clear_left_transfers, list_left_transfers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.lfs import Store
    from gitxp.keeping.finding import Patient


def check_left(patient: Patient) -> Iterator[Finding]:
    """What nobody needs any more, each with what takes it away."""
    refs = list_left(patient.git)
    if refs:
        yield Finding(
            *("left-outbox", WARNING, f"A push or pull that was killed left refs: {some(refs)}."),
            "The next push takes them away, or gitxp gc.",
            fix=partial(_clear_outbox, patient),
        )
    for one in patient.unfinished:
        about = f"A {one.what} of {one.run} that was killed left"
        if one.files:
            yield Finding(
                *("left-folder", WARNING, f"{about} {one.place}, with what no run has: {some(one.files)}."),
                f"Keep what you want of it; then git worktree remove --force {one.place}, or delete it.",
            )
        elif os.path.isdir(one.place):
            remedy = "gitxp gc takes it away: the repository has all that is in it."
            yield Finding("left-folder", WARNING, f"{about} {one.place}.", remedy, fix=one.clear)
        else:
            yield Finding("left-note", NOTE, f"{about} nothing but a note of it.", "gitxp gc", fix=one.clear)
    store = find_store(patient.git, patient.common_dir)
    transfers = list_left_transfers(patient.common_dir, store, patient.now)
    if transfers:
        coming = [left.size for left in transfers if not left.sent]
        sent = len(transfers) - len(coming)
        parts = [f"the beginnings of {len(coming):,}, {bytes_words(sum(coming))}, that were fetched"] if coming else []
        parts += [f"notes of {sent:,} that were sent"] if sent else []
        yield Finding(
            *("left-transfer", NOTE, f"Large files with which nobody went on for long: {' and '.join(parts)}."),
            "To go on: gitxp pull --large RUN, or gitxp push. gitxp gc takes away what is here.",
            fix=partial(_clear_transfers, patient, store),
        )
    scratch = list(list_left_scratch(patient.now))
    if scratch:
        yield Finding(
            *("left-scratch", NOTE, f"Folders of a moment that are over a day old: {some(scratch)}."),
            "gitxp gc takes them away.",
            fix=partial(_remove, scratch),
        )


def _clear_outbox(patient: Patient) -> None:
    clear_left(patient.git)


def _clear_transfers(patient: Patient, store: Store) -> None:
    clear_left_transfers(patient.common_dir, store, patient.now)


def _remove(paths: list[str]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
