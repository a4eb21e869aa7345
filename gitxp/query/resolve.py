"""What a user types for a run, resolved to the run.

In this order: `@` and `@~N`; the exact name, which wins over everything; then every run of which the text is the
beginning of the name (or id, or tip commit) or the whole of the id; last, a commit that is one of a run's own. One match is the
answer, several are listed, none brings the nearest names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import AmbiguousRun, UnknownRun, some_of
from gitxp.format import RECORD_PATH, RUN_REFS, Oid
from gitxp.git.history import contains
from gitxp.git.refs import find_ref
from gitxp.names import RunName, is_name
from gitxp.store.runs import decode_run, read_run
from gitxp.store.trash import TRASH_REFS

if TYPE_CHECKING:
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.query.index import Index

_SHOWN = 10
_COMPARING = frozenset("<>=")
_HEX = frozenset("0123456789abcdef")
_FIRST_RUN = "Make the first: gitxp run COMMAND"


def resolve(text: str, git: Git, objects: Objects, index: Index) -> Run:
    """The run that the text means; `UnknownRun` or `AmbiguousRun`."""
    if text == "@" or text.startswith("@~"):
        return _resolve_newest(text, index)
    wanted = text.removeprefix("refs/").removeprefix("experiments/") if text.startswith(_PREFIXES) else text
    if is_name(wanted):
        where = find_ref(git, RunName(wanted))
        if where is not None:
            return read_run(objects, where)
    runs = index.find(wanted)
    exact = [run for run in runs if run.name == wanted]  # one of an archive
    exact = exact or [run for run in runs if wanted.lower() in {run.id, run.commit}]
    runs = exact or runs or _find_by_commit(wanted, git, objects, index) or _find_by_revision(text, git, objects, index)
    if len(runs) == 1:
        return runs[0]
    if runs:
        raise _ambiguous(text, runs)
    raise _unknown(text, wanted, git, index)


_PREFIXES = (RUN_REFS, RUN_REFS.removeprefix("refs/"))


def _resolve_newest(text: str, index: Index) -> Run:
    steps = text[2:] or ("1" if text == "@~" else "0")
    if not (steps.isascii() and steps.isdigit() and len(steps) < 10):
        raise UnknownRun(
            f"{text!r} names no run.", hint="@ is the newest run, @~1 the one before it, @~2 the third newest."
        )
    page = index.newest(1, int(steps))
    if page.runs:
        return page.runs[0]
    if not page.total and page.hidden:
        raise UnknownRun(f"All runs are archived, so {text!r} names none.", hint="They are in 'gitxp list --all'.")
    if not page.total:
        raise UnknownRun("There are no runs yet.", hint=_FIRST_RUN)
    count = "There is one run" if page.total == 1 else f"There are {page.total:,} runs"
    raise UnknownRun(
        f"{count}, so {text!r} names none.", hint=f"The oldest is {'@' if page.total == 1 else f'@~{page.total - 1}'}."
    )


def _find_by_commit(text: str, git: Git, objects: Objects, index: Index) -> list[Run]:
    """The run of which a commit is one; a commit's own record says whose it is, and the run's history confirms it."""
    prefix = text.lower()
    if not 7 <= len(prefix) <= 64 or not _HEX.issuperset(prefix):
        return []
    answer = git.ask("--no-replace-objects", "rev-parse", f"--disambiguate={prefix}")
    found: dict[str, Run] = {}
    for oid in answer.stdout.decode("ascii", "replace").split():
        for run in _find_owner(Oid(oid), git, objects, index):
            found[run.name] = run
    return list(found.values())


def _find_by_revision(text: str, git: Git, objects: Objects, index: Index) -> list[Run]:
    """The run of which the commit is one that git means by the text, such as `experiments/tuned~1`."""
    if text.startswith("-"):
        return []
    answer = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    return [] if answer.status else _find_owner(Oid(answer.stdout.decode("ascii").strip()), git, objects, index)


def _find_owner(oid: Oid, git: Git, objects: Objects, index: Index) -> list[Run]:
    kind = git.ask("cat-file", "-t", oid)
    if kind.stdout.strip() != b"commit":
        return []
    record, problem = decode_run(objects.read_file(oid, RECORD_PATH))
    if problem or "id" not in record:
        return []
    return [
        run for run in index.find(record["id"]) if run.id == record["id"] and contains(git, objects, run.commit, oid)
    ]


def _ambiguous(text: str, runs: list[Run]) -> AmbiguousRun:
    names = [run.name for run in runs]
    return AmbiguousRun(f"{text!r} could be any of {len(names):,} runs.", names, hint=some_of(names, _SHOWN))


def _unknown(text: str, wanted: str, git: Git, index: Index) -> UnknownRun:
    import difflib

    if is_name(wanted) and not git.ask("show-ref", "--verify", "--quiet", "--", TRASH_REFS + wanted).status:
        return UnknownRun(f"The run {text!r} is in the trash.", hint=f"To bring it back: gitxp undo {wanted}")
    names = index.names()
    if not names:
        return UnknownRun(f"There is no run {text!r}: there are no runs yet.", hint=_FIRST_RUN)
    near = difflib.get_close_matches(wanted, names[:2000], 3)
    hint = "'gitxp list' shows the runs that there are."
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    elif not _COMPARING.isdisjoint(text):
        hint = "Expressions are asked by 'gitxp list'; compare, tree, plot and export take them behind --where."
    return UnknownRun(f"There is no run {text!r}.", hint=hint)
