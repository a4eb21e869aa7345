"""Whether a rerun gave what the run gave: data, status, each metric, each output, and, where there is neither, what was printed.

Strict, since a wrong "reproduced" is worse than a wrong "not": what the run has and the rerun has not is a difference.
What cannot be compared (no digest was taken) is told, and decides nothing; so are what only the rerun has, which takes
nothing from what the run gave, and another number of points, which depends on how often something was logged.
"""

from __future__ import annotations

import math
import os
import re
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gitxp.capture.data.fingerprints import fingerprint, fingerprint_files
from gitxp.capture.logger_files import is_metric_file
from gitxp.format import SYSTEM_PREFIX, data_path, decode_number, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.model import Run

EQUAL, WITHIN, DIFFERENT, MISSING, UNKNOWN, IGNORED = "equal", "within", "different", "missing", "unknown", "ignored"
NEW, NOTED = "new", "noted"
BY_METRICS = "metrics"
_BAD = frozenset({DIFFERENT, MISSING})
_PARTS = ("last", "min", "max")
_MAX_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was compared: `kind` is `data`, `status`, `metric`, `points`, `output` or `printed`, `name` its path or name.

    `verdict` is `equal`; `within` (the tolerance); `different`; `missing` (the rerun has none); `unknown` (it cannot be
    compared); `metrics` (a file that a logger wrote, which counts by the metrics in it); `ignored` (as asked); `new` (only
    the rerun has it) or `noted` (the number of a metric's points is another), which do not count. `a` is what the run had,
    `b` what the rerun has, None where that is nothing to show.
    """

    kind: str
    name: str
    verdict: str
    a: Any = None
    b: Any = None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run, its rerun, and what was found. `place` is the rerun's folder, where it was kept.

    `interrupted` tells whether the rerun was, by SIGINT (Ctrl-C), and the run was not: the findings are of a part then.
    """

    run: str
    rerun: str
    findings: tuple[Finding, ...]
    place: str | None = None
    interrupted: bool = False

    @property
    def reproduced(self) -> bool:
        """Whether nothing differs, and something was compared besides the status."""
        verdicts = [finding.verdict for finding in self.findings]
        compared = [f for f in self.findings if f.kind in _RESULTS and f.verdict in {EQUAL, WITHIN}]
        return bool(compared) and not _BAD & set(verdicts)


_RESULTS = frozenset({"metric", "output", "printed"})


def check_data(run: Run, objects: Objects, place: str, cache: str | None) -> list[Finding]:
    """Whether the data that a run read are the same now; `place` is the folder that it is restored to, data linked."""
    return [_check(run, objects, entry, place, cache) for entry in run.record.get("data", ())]


def compare(run: Run, again: Run, *, tolerance: float, ignore: Sequence[str], printed: bool | None) -> list[Finding]:
    """What a run gave, against its rerun. `tolerance` is relative; `ignore` are globs of metrics and outputs.

    `printed` is whether both printed the same bytes: it counts where there is nothing else, None where it is not known.
    """
    found = [
        *_metrics(run, again, tolerance),
        *_new_metrics(run, again),
        *_outputs(run, again),
        *_new_outputs(run, again),
    ]
    found = [
        Finding(f.kind, f.name, IGNORED, f.a, f.b) if any(fnmatchcase(f.name, glob) for glob in ignore) else f
        for f in _by_metrics(found, (run, again))
        if f.verdict != NOTED or not any(fnmatchcase(f.name, glob) for glob in ignore)
    ]
    if not any(f.verdict in {EQUAL, WITHIN, *_BAD} for f in found) and printed is not None:
        found.append(Finding("printed", "output", EQUAL if printed else DIFFERENT))
    return [_status(run, again), *found]


def _check(run: Run, objects: Objects, entry: Mapping[str, Any], place: str, cache: str | None) -> Finding:
    path, digest = entry["path"], entry.get("xxh3_128")
    full = os.path.join(place, path)
    if not os.path.exists(full):
        return Finding("data", path, EQUAL if entry.get("kind") == "missing" else MISSING, digest)
    if digest is None:
        return _check_by_time(entry, full)
    if entry.get("changed"):
        return Finding("data", path, UNKNOWN, digest)
    if entry.get("source") is not None and entry.get("kind") == "folder":
        files = _read_manifest(objects.read_file(run.commit, data_path(path), _MAX_MANIFEST))
        if files is None:
            return Finding("data", path, UNKNOWN, digest)
        root = os.path.realpath(full)
        there = {name: about for name in files if (about := _find_file(os.path.join(root, name))) is not None}
        if len(there) < len(files):
            return Finding("data", path, MISSING, digest)
        now = fingerprint_files(root, there, place, cache)
    else:
        now = fingerprint([os.path.realpath(full)], place, cache)[0]
    found = now.get("xxh3_128")
    return Finding("data", path, EQUAL if found == digest else DIFFERENT, digest, found)


def _find_file(path: str) -> os.stat_result | None:
    try:
        about = os.lstat(path)
    except OSError:
        return None
    return about if stat.S_ISREG(about.st_mode) else None


def _check_by_time(entry: Mapping[str, Any], full: str) -> Finding:
    """A file without a digest is the same where its size and its time of change are; never where it was missing."""
    if entry.get("kind") == "missing":
        return Finding("data", entry["path"], DIFFERENT, None, format_time(os.stat(full).st_mtime_ns))
    size, modified = entry.get("size"), entry.get("modified")
    if modified is None:
        return Finding("data", entry["path"], UNKNOWN)
    about = os.stat(full)
    if (about.st_size, format_time(about.st_mtime_ns)) == (size, modified):
        return Finding("data", entry["path"], EQUAL, modified, modified)
    verdict = DIFFERENT if about.st_size != size else UNKNOWN  # the same bytes may be there with another time
    return Finding("data", entry["path"], verdict, modified, format_time(about.st_mtime_ns))


def _read_manifest(data: bytes | None) -> list[str] | None:
    """The paths of a manifest; None where there is none, or a path in it leads out of the folder."""
    if data is None:
        return None
    paths = []
    for line in data.split(b"\n")[:-1]:
        path = re.sub(rb"\\(.)", _unescaped, line[35:]) if line.startswith(b"\\") else line[34:]
        parts = os.fsdecode(path).split("/")
        if {"", ".", ".."} & set(parts):
            return None
        paths.append("/".join(parts))
    return paths


def _unescaped(found: re.Match[bytes]) -> bytes:
    return b"\n" if found[1] == b"n" else found[1]


def _status(run: Run, again: Run) -> Finding:
    ends = [_ending(each.record) for each in (run, again)]
    return Finding("status", "status", EQUAL if ends[0] == ends[1] else DIFFERENT, *ends)


def _ending(record: Mapping[str, Any]) -> str:
    if "signal" in record:
        return f"{record['status']} (signal {record['signal']})"
    return f"{record['status']} (exit {record['exit_code']})" if record.get("exit_code") else str(record["status"])


def _metrics(run: Run, again: Run, tolerance: float) -> Iterator[Finding]:
    ours, theirs = run.record.get("metrics", {}), again.record.get("metrics", {})
    for name, summary in sorted(ours.items()):
        if name.startswith(SYSTEM_PREFIX):
            continue
        a = decode_number(summary["last"])
        if name not in theirs:
            yield Finding("metric", name, MISSING, a)
            continue
        verdicts = [
            _near(decode_number(summary[part]), decode_number(theirs[name][part]), tolerance)
            for part in _PARTS
            if part in summary and part in theirs[name]
        ]
        worst = max(verdicts, key=(EQUAL, WITHIN, DIFFERENT).index)
        yield Finding("metric", name, worst, a, decode_number(theirs[name]["last"]))
        counts = summary.get("count"), theirs[name].get("count")
        if None not in counts and counts[0] != counts[1]:
            yield Finding("points", name, NOTED, *counts)


def _new_metrics(run: Run, again: Run) -> Iterator[Finding]:
    ours = run.record.get("metrics", {})
    for name, summary in sorted(again.record.get("metrics", {}).items()):
        if name not in ours and not name.startswith(SYSTEM_PREFIX):
            yield Finding("metric", name, NEW, None, decode_number(summary["last"]))


def _near(a: float, b: float, tolerance: float) -> str:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return EQUAL
    if math.isfinite(a) and math.isfinite(b) and math.isclose(a, b, rel_tol=tolerance, abs_tol=0.0):
        return WITHIN
    return DIFFERENT


def _outputs(run: Run, again: Run) -> Iterator[Finding]:
    theirs = {item["path"]: item for item in again.record.get("outputs", ())}
    for item in run.record.get("outputs", ()):
        path = item["path"]
        if not _is_comparable(item):
            continue
        key = "link" if "link" in item else "xxh3_128"
        other = theirs.get(path, {})
        a, b = item.get(key), other.get(key)
        if a is None or item.get("changed"):
            yield Finding("output", path, UNKNOWN, a, b)
        elif not {"link", "xxh3_128"} & other.keys():  # it is not there, or could not be read
            yield Finding("output", path, MISSING, a)
        else:
            yield Finding("output", path, EQUAL if a == b else DIFFERENT, a, b)


def _new_outputs(run: Run, again: Run) -> Iterator[Finding]:
    ours = {item["path"] for item in run.record.get("outputs", ())}
    for item in again.record.get("outputs", ()):
        content = item.get("link", item.get("xxh3_128"))
        if content is not None and item["path"] not in ours and _is_comparable(item):
            yield Finding("output", item["path"], NEW, None, content)


def _is_comparable(item: Mapping[str, Any]) -> bool:
    return item.get("source") != "scan" and "files" not in item  # anybody's; or a sum of many


def _by_metrics(found: Sequence[Finding], runs: Sequence[Run]) -> list[Finding]:
    """The same, where the bytes of a logger's files, which nobody named, are left to the metrics that were read from them.

    Such a file has what differs by the tolerance; an event file of TensorBoard has the time in it, and in its name.
    """
    if not any(f.kind == "metric" and f.verdict != NEW for f in found):
        return list(found)
    loggers = {
        item["path"]
        for run in runs
        for item in run.record.get("outputs", ())
        if "source" in item
        and item["path"] not in run.record.get("asked", {}).get("outputs", ())
        and is_metric_file(item["path"])
    }
    return [
        Finding(f.kind, f.name, BY_METRICS, f.a, f.b)
        if f.kind == "output" and f.verdict in {*_BAD, NEW} and f.name in loggers
        else f
        for f in found
    ]
