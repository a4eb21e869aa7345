"""What runs hold and nothing else: large files that `git lfs prune` would delete, files that are likely to be secrets."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from gitxp.capture.secrets.files import is_likely_secret
from gitxp.capture.secrets.scan import scan
from gitxp.format import FOLDER
from gitxp.git.contents import read_objects
from gitxp.git.lfs import find_store
from gitxp.keeping.elsewhere import find_elsewhere
from gitxp.keeping.finding import NOTE, WARNING, Finding, bytes_words, some
from gitxp.keeping.large_kept import KEPT_REF, RECENT, keep_large, keeps_recent, list_kept_large
from gitxp.keeping.lfs_trash import list_taken_out
from gitxp.keeping.pointers import find_pointers, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.keeping.finding import Patient
    from gitxp.keeping.holdings import Held, Holder
    from gitxp.keeping.pointers import HeldPointer

_FEW = 20  # files that are told one by one
_ARTIFACTS = f"{FOLDER}/artifacts/"
_FOR_EVER = 36_500
_TEXT, _TEXT_DEEP = 1 << 20, 64 << 20  # bytes of a file that is looked into
_ALL_TEXT = 64 << 20  # bytes of all files that are looked into, without --deep
_NUMBERS = (f"{FOLDER}/metrics/", f"{FOLDER}/data/")  # series and fingerprints: large, and no place for a secret


def check_lfs(
    patient: Patient, held: Sequence[Held], holders: Sequence[Holder], with_refs: int, storage: str | None = None
) -> Iterator[Finding]:
    """Large files of runs that are missing here, and those that git-lfs would not keep.

    The first `with_refs` of the holders have refs of their own; the others are in archives and in the trash. `storage` is
    the address that gitxp.yaml names.
    """
    pointers = find_pointers(patient.git, held)
    if not pointers:
        return
    store = find_store(patient.git, patient.common_dir)
    missing = [one for one in pointers if store.find(one.pointer) is None]
    in_trash = {oid for taken in list_taken_out(patient.common_dir) for oid in taken.objects}
    taken = [one for one in missing if one.pointer.oid in in_trash]
    if taken:
        yield Finding(
            *(
                "lfs-in-trash",
                NOTE,
                f"Large files of {_runs_of(taken, holders)} are in the trash: {some(names_of(taken))}.",
            ),
            "gitxp undo brings back what gitxp gc took out last.",
        )
    yield from _check_missing(patient, [one for one in missing if one.pointer.oid not in in_trash], holders, storage)
    sizes = {one.pointer.oid: store.size(one.pointer.oid) for one in pointers}
    present = {oid: size for oid, size in sizes.items() if size is not None}
    of_others = {one.pointer.oid: one for one in pointers if one.pointer.oid in present and one.file.first >= with_refs}
    others = list(of_others.values())
    if present and not keeps_recent(patient.git):
        yield Finding(
            "lfs-prune",
            WARNING,
            f"Runs alone need large files ({len(present):,}, {bytes_words(sum(present.values()))}): 'git lfs prune' deletes them "
            f"when the runs are older than a few days, pushed or not.",
            f"Let it keep what all refs need: git config {RECENT} {_FOR_EVER}",
            fix=partial(_keep, patient, others),
        )
    elif not of_others.keys() <= list_kept_large(patient.git):
        size = bytes_words(sum(present[oid] for oid in of_others))
        yield Finding(
            "lfs-prune",
            WARNING,
            f"Runs in archives or in the trash alone need large files ({len(others):,}, {size}): 'git lfs prune' deletes them.",
            f"Let it keep them by a ref, {KEPT_REF}: gitxp doctor --fix",
            fix=partial(_keep, patient, others),
        )


def _check_missing(
    patient: Patient, missing: Sequence[HeldPointer], holders: Sequence[Holder], storage: str | None
) -> Iterator[Finding]:
    """Large files that are neither here nor in the trash: those of which it is known where they are, and the others."""
    tips = list(dict.fromkeys(holders[one.file.first].tip for one in missing))
    places = find_elsewhere(patient, tips, storage)
    elsewhere = [one for one in missing if holders[one.file.first].tip in places]
    if elsewhere:
        there = some(list(dict.fromkeys(places[holders[one.file.first].tip] for one in elsewhere)))
        yield Finding(
            "lfs-elsewhere",
            NOTE,
            f"Large files of {_runs_of(elsewhere, holders)} were not fetched: {some(names_of(elsewhere))}.",
            f"gitxp pull --large RUN brings them from {there}.",
        )
    lost = [one for one in missing if holders[one.file.first].tip not in places]
    if lost:
        yield Finding(
            "lfs-missing",
            WARNING,
            f"Large files of {_runs_of(lost, holders)} are not here: {some(names_of(lost))}.",
            "If they were pushed: gitxp pull --large RUN. Else only the machine that made them has them.",
        )


def _runs_of(pointers: Sequence[HeldPointer], holders: Sequence[Holder]) -> str:
    return some(list(dict.fromkeys(holders[pointer.file.first].name for pointer in pointers)))


def check_secrets(
    patient: Patient,
    held: Sequence[Held],
    holders: Sequence[Holder],
    *,
    deep: bool,
    secret_names: Sequence[str],
    allowed_names: Sequence[str],
) -> Iterator[Finding]:
    """Files of runs whose name or content looks like a secret; `deep` looks into all of them."""
    found: dict[str, tuple[Held, str]] = {}
    for one in held:
        path = one.path.removeprefix(_ARTIFACTS)
        is_file = one.kind == "blob" and one.size and not path.startswith(f"{FOLDER}/")
        if is_file and is_likely_secret(path, secret_names, allowed_names):
            found[one.oid] = (one, "looks like a file of secrets by its name")
    texts = sorted(
        (
            one
            for one in held
            if one.kind == "blob" and one.size and one.oid not in found and not one.path.startswith(_NUMBERS)
        ),
        key=lambda one: one.size,
    )
    looked, left = _bounded(texts, deep=deep)
    by_oid = {str(one.oid): one for one in looked}
    for oid, data in read_objects(patient.git, [(one.oid, one.size) for one in looked]):
        for secret in islice(scan(data, by_oid[oid].path), 1):
            found[oid] = (by_oid[oid], f"has a likely secret in line {secret.line:,}: {secret.kind}")
    places = [
        f"{one.path} of {holders[one.first].name}{' and others' if one.is_shared else ''} {why}"
        for one, why in found.values()
    ]
    remedy = "Change the secret. If the run was not pushed: gitxp rm RUN, gitxp trash RUN --empty, git gc"
    for place in places[:_FEW]:
        yield Finding("secret-in-run", WARNING, f"{place}.", remedy)
    if len(places) > _FEW:
        yield Finding("secret-in-run", WARNING, f"The same is so of {len(places) - _FEW:,} more files.", remedy)
    if left and not deep:
        size = bytes_words(sum(one.size for one in left))
        yield Finding(
            "not-looked-into",
            NOTE,
            f"{len(left):,} files of runs ({size}) were not searched for secrets.",
            "gitxp doctor --deep",
        )


def _bounded(texts: Sequence[Held], *, deep: bool) -> tuple[list[Held], list[Held]]:
    """Those that are looked into, the smallest first, and those that are not."""
    total = 0
    for number, one in enumerate(texts):
        total += one.size
        if one.size > (_TEXT_DEEP if deep else _TEXT) or (total > _ALL_TEXT and not deep):
            return list(texts[:number]), list(texts[number:])
    return list(texts), []


def _keep(patient: Patient, others: Sequence[HeldPointer]) -> None:
    """Let git-lfs keep what the tips of refs need, and `others` by a ref of their own."""
    if not keeps_recent(patient.git):
        patient.git.run("config", "--local", RECENT, str(_FOR_EVER))
    if others:
        keep_large(patient.git, others, os.environ)
