"""The last commit of a run, made from its live folder alone.

The recorder makes it when the command has ended; whoever finds an abandoned live folder makes it later from the same
files, in the same way. Everything that is to be in it has therefore been written to the live folder before.
"""

from __future__ import annotations

import os

from gitxp.format import (
    ARTIFACTS_FOLDER,
    DATA_FOLDER,
    ENVIRONMENT_PATH,
    LOST,
    OUTPUT_PATH,
    RUN_REFS,
    RUNNING,
    Oid,
    encode_json,
    metric_path,
    status_of,
)
from gitxp.recording.journal import read_journal
from gitxp.recording.output import join
from gitxp.store.writer import LINK, File, Identity, advance, discard, fits_loose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    from gitxp.format import Record
    from gitxp.git.program import Git, Process
    from gitxp.recording.live import Live
    from gitxp.series import Series
else:
    from gitxp.light import NamedTuple

_NAMED = 10  # artifacts that a record names when they could not be stored
_TRAILERS = "%(trailers:key=Gitxp-Id,valueonly)%x00%(trailers:key=Gitxp-Status,valueonly)"


class Finished(NamedTuple):
    """The final record, its commit and the one `below`, and those of its `problems` of which the program told the user itself."""

    record: Record
    commit: Oid
    below: Oid
    told: frozenset[str]


def finish(git: Git, live: Live, tip: Oid, process: Process | None = None) -> Finished:
    """Commit what the live folder holds on top of `tip`. The folder is left as it is.

    Raises `GitFailed`, `FormatError` and `OSError`; nothing is lost then, and it can be tried again.
    """
    state = live.read_state()
    ended = live.read_ended()
    record: Record = dict(state["record"])
    if "exit_code" in ended or "signal" in ended:
        record["status"] = status_of(ended.get("exit_code"), ended.get("signal"))
    else:
        record["status"] = LOST
    record |= ended
    problems: list[str] = []
    series = read_journal(live.journal, problems)
    if problems:
        record["problems"] = [*record.get("problems", ()), *problems]
    for fact in ("data", "outputs"):
        value = live.read_fact(fact)
        if value:
            record[fact] = value
    artifacts, told = _fold_statements(git, tip, live, record, series)
    if series:
        record["metrics"] = {metric: points.summary() for metric, points in series.items()}
    output, is_cut = join(live.output)
    if is_cut:
        record["problems"] = [*record.get("problems", ()), "The output was over the limit: its middle is left out."]
    files = list(_files(live, series, output))
    files += _artifacts(live, record, artifacts)
    if process is not None and not fits_loose(files):
        discard(process)
        process = None
    commit, below = advance(git, Identity(*state["identity"]), record, files, tip, process)
    return Finished(record, commit, below, told)


def find_open_tip(git: Git, live: Live) -> Oid | None:
    """The commit on which a live folder's run is to be finished, as far as the repository knows.

    None where there is nothing to finish: its first commit was never made, the run was removed, the name is another
    run's now, or it is finished already.
    """
    record = live.read_state()["record"]
    answer = git.ask("show", "--no-patch", f"--format=%H%x00{_TRAILERS}", "--end-of-options", RUN_REFS + record["name"])
    if answer.status:
        return None
    commit, found, status = (part.strip() for part in answer.stdout.decode("utf-8", "replace").split("\0"))
    return Oid(commit) if found == record["id"] and status == RUNNING else None


def _files(live: Live, series: dict[str, Series], output: str | None) -> Iterator[File]:
    environment = live.read_fact("environment")
    if environment:
        yield File(ENVIRONMENT_PATH, encode_json(environment))
    for metric, points in series.items():
        yield File(metric_path(metric), b"".join(points.encode()))
    if output is not None:
        yield File(OUTPUT_PATH, source=output)
    yield from _manifests(live)


def _fold_statements(
    git: Git, tip: Oid, live: Live, record: Record, series: dict[str, Series]
) -> tuple[list[dict[str, str]], frozenset[str]]:
    """Add what the run's processes said to the record and the series; what is amiss costs itself.

    Gives all artifacts, and the sentences that the user has been told.
    """
    artifacts: list[dict[str, str]] = live.read_fact("artifacts") or []
    told: frozenset[str] = frozenset()
    if not os.path.isdir(live.said):
        return artifacts, told
    from gitxp.recording.folding import fold, told_problems
    from gitxp.recording.main_program import state_constants
    from gitxp.recording.staged import staged_artifacts
    from gitxp.recording.statements import read_statements

    problems: list[str] = []
    try:
        statements, problems = read_statements(live.path)
        statements += state_constants(git, tip, statements)
        fold(record, series, statements)
        told = told_problems(statements)
        outputs, artifacts, amiss = staged_artifacts(
            statements, record.get("outputs", ()), artifacts, live.read_fact("large")
        )
        problems += amiss
        if outputs:
            record["outputs"] = outputs
    except Exception as error:  # noqa: BLE001  (whatever the processes said, the run must be recorded)
        problems.append(f"Not all that the run's processes said could be recorded: {type(error).__name__}: {error}")
    if problems:
        record["problems"] = [*record.get("problems", ()), *problems]
    return artifacts, told


def _manifests(live: Live) -> Iterator[File]:
    for folder, _, names in os.walk(live.manifests):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".tmp"):
                yield File(f"{DATA_FOLDER}/{os.path.relpath(path, live.manifests)}", source=path)


def _artifacts(live: Live, record: Record, artifacts: Iterable[dict[str, str]]) -> list[File]:
    """The artifacts that are still there. One that went away meanwhile costs itself, and never the rest of the run."""
    files: list[File] = []
    gone: set[str] = set()
    for artifact in artifacts:
        place = f"{ARTIFACTS_FOLDER}/{artifact['path']}"
        if "link" in artifact:
            files.append(File(place, os.fsencode(artifact["link"]), mode=LINK))
            continue
        if "pointer" in artifact:
            files.append(File(place, artifact["pointer"].encode("ascii")))
            continue
        source = os.path.join(live.artifacts, artifact["source"])
        if os.path.isfile(source):
            files.append(File(place, source=source))
        else:
            gone.add(artifact["path"])
    if gone:
        record["outputs"] = [
            {**entry, "stored": False, "reason": "gone before it could be stored"}
            if entry.get("artifact", entry["path"]) in gone
            else entry
            for entry in record.get("outputs", ())
        ]
        said = [f"{path} was gone before it could be stored as an artifact." for path in sorted(gone)[:_NAMED]]
        if len(gone) > _NAMED:
            said.append(f"So were {len(gone) - _NAMED:,} more.")
        record["problems"] = [*record.get("problems", ()), *said]
    return files
