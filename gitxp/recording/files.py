"""The files that a run read and wrote, as its processes said or as they are found, brought into its live folder.

What the user named by `--data` and `--out` is there already, and is not taken again. Where nobody said anything and the
command was over in a moment, this is not even imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.format import RUN_REFS, parse_time
from gitxp.git.program import Git
from gitxp.recording.background import background
from gitxp.recording.secret_words import given_secrets
from gitxp.recording.statements import paths_of
from gitxp.recording.wanted import LONG, Wanted, placed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.capture.inputs import Where
    from gitxp.recording.live import Live
    from gitxp.recording.statements import Statement

COPIES = ".found"  # below the live folder's artifacts
_SCAN_SECONDS = 5.0
# Packages that write files without Python hearing of it.
_SILENT = frozenset(
    "h5py tables netCDF4 zarr torch tensorflow jax onnx onnxruntime xgboost lightgbm catboost pyarrow polars duckdb fastparquet "
    "cv2 PIL soundfile torchaudio av imageio tifffile rasterio fiona pyogrio ROOT uproot safetensors faiss annoy rpy2 "
    "numba cupy sklearn matplotlib scipy zstandard lmdb leveldb rocksdict llama_cpp sentencepiece fasttext vtk pyvista".split()
)


class Opened(NamedTuple):
    """Absolute paths: what was read before the run wrote it, with whether it did so later; what was written; folders made."""

    read: dict[str, bool]
    written: set[str]
    folders: set[str]


def opened_files(statements: Sequence[Statement], environ: Mapping[str, str]) -> Opened:
    """What the processes, which had these variables, say of files, put together in the order of time.

    What is in the background is left out of what was read. Within one statement, a file that is read and written was
    read first.
    """
    found = Opened({}, set(), set())
    is_background = background(statements, environ)
    for statement in statements:
        if statement.kind != "files":
            continue
        for path in paths_of(statement, "removed"):
            found.read.pop(path, None)
            found.written.discard(path)
            found.folders.discard(path)
        for path in paths_of(statement, "read"):
            if path not in found.written and not is_background(path):
                found.read.setdefault(path, False)
        for path in paths_of(statement, "written"):
            found.written.add(path)
            if path in found.read:
                found.read[path] = True
        found.folders.update(paths_of(statement, "folders"))
    return found


def take_inputs(live: Live, wanted: Wanted, opened: Opened, is_impatient: Callable[[], bool]) -> list[str]:
    """Add what was read to the live folder's data; sentences about what is missing. Raises `GitFailed` and `OSError`."""
    if not opened.read:
        return []
    from gitxp.capture.inputs import find_inputs

    limits = wanted.config.opened
    places = [os.path.normpath(os.path.join(wanted.toplevel, place)) for place in limits.places]
    found = find_inputs(opened.read, _where(live, wanted), limits._replace(places=places), is_impatient)
    if found.entries:
        live.write_fact("data", [*(live.read_fact("data") or ()), *found.entries])
    return found.problems


def take_written(
    live: Live,
    wanted: Wanted,
    opened: Opened,
    statements: Sequence[Statement],
    is_impatient: Callable[[], bool],
    params: Mapping[str, Any],
) -> list[str]:
    """Add what was written to the live folder's outputs and artifacts; sentences about what is missing.

    `params` are those that were known before the start, as they were, with their secrets.
    Raises `GitFailed` and `OSError`.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    if wanted.config.written.scan and _is_to_be_scanned(live, wanted, opened, statements):
        from gitxp.capture.changes import find_changes

        changes = find_changes(wanted.toplevel, _began(live), _SCAN_SECONDS, is_impatient)
        found |= dict.fromkeys(filter(_is_not_ours, changes.paths), "scan")
        if not changes.is_complete:
            reason = f"it would take more than {_SCAN_SECONDS:g} s (written.scan in gitxp.yaml)"
            problems.append(
                f"Not all of the working tree was looked at for files that the run wrote: "
                f"{'a signal came meanwhile' if is_impatient() else reason}."
            )
    found |= dict.fromkeys(opened.written, "opened")
    if not found:
        return problems
    from gitxp.capture.secrets.known import known_secrets
    from gitxp.capture.written import keep_written

    kept = keep_written(
        found,
        _where(live, wanted),
        os.path.join(live.artifacts, COPIES),
        wanted.config,
        is_impatient,
        is_watched=any(statement.kind == "process" for statement in statements),
        secrets=known_secrets(
            wanted.command,
            [params, *(one.facts["params"] for one in statements if "params" in one.facts)],
            wanted.environ,
            given_secrets(statements),
        ),
    )
    if kept.entries:
        live.write_fact("outputs", [*(live.read_fact("outputs") or ()), *kept.entries])
        live.write_fact("artifacts", [*(live.read_fact("artifacts") or ()), *placed(kept.artifacts, COPIES)])
    return [*problems, *kept.problems]


def _is_to_be_scanned(live: Live, wanted: Wanted, opened: Opened, statements: Sequence[Statement]) -> bool:
    if live.read_ended().get("duration", 0.0) >= LONG:
        return True
    if any(folder.startswith(wanted.toplevel.rstrip("/") + "/") for folder in opened.folders):
        return True
    imported = (statement.facts.get("modules", ()) for statement in statements if statement.kind == "imported")
    return any(not _SILENT.isdisjoint(modules) for modules in imported)


def _is_not_ours(path: str) -> bool:
    """Whether a file is not what our own standard output or error goes to: that is in the run's output already."""
    for fd in (1, 2):
        try:
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return False
        except OSError:
            continue
    return True


def _began(live: Live) -> int:
    return int(parse_time(live.read_state()["record"]["started_at"]) * 1e9)


def _where(live: Live, wanted: Wanted) -> Where:
    from gitxp.capture.inputs import Where

    record: dict[str, Any] = live.read_state()["record"]
    return Where(
        git=Git(wanted.toplevel, own_group=True),
        toplevel=wanted.toplevel,
        commit=RUN_REFS + record["name"],
        began_ns=_began(live),
        named=[*wanted.data, *wanted.outputs],
        cache=wanted.cache,
        manifests=live.manifests,
    )
