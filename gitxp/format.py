"""Bytes to values and back: the whole of docs/format.md that needs no repository.

Pure functions over plain dictionaries and bytes. The record is a `dict` here and not a class: what a newer gitxp
added must survive a read and a write, and this module is on the way to the child's start, where the import of
`dataclasses` alone would cost half of a whole `git add -A` (24 ms; python -X importtime).
"""

from __future__ import annotations

import math
import time

from gitxp.errors import FormatError, NewerFormat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, NewType

    Record = dict[str, Any]
    Oid = NewType("Oid", str)
    RefName = NewType("RefName", str)
    Point = tuple[int, float, float]  # step, unix time in seconds, value
else:
    Record, Oid, RefName, Point = dict, str, str, tuple

FORMAT = 1
RUN_REFS = "refs/experiments/"

FOLDER = ".gitxp"
RECORD_PATH = f"{FOLDER}/run.json"
ENVIRONMENT_PATH = f"{FOLDER}/environment.json"
OUTPUT_PATH = f"{FOLDER}/output.log"
METRICS_FOLDER = f"{FOLDER}/metrics"
ARTIFACTS_FOLDER = f"{FOLDER}/artifacts"
DATA_FOLDER = f"{FOLDER}/data"
SYSTEM_PREFIX = "system/"  # of the names of metrics that gitxp itself takes of the machine

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
INTERRUPTED, KILLED, LOST = "interrupted", "killed", "lost"
STATUSES = (RUNNING, COMPLETED, FAILED, INTERRUPTED, KILLED, LOST)

# A record is a few KB. What is larger than this is damage or malice, and is not decoded.
MAX_RECORD = 16 * 1024 * 1024
# As many digits as every 64-bit float can have before its point: what is longer would overflow wherever it is used.
MAX_DIGITS = 308
_MAX_INT = 1 << 63
_SIGINT = 2
_SUBJECT_WIDTH = 100


# --- JSON -------------------------------------------------------------------------------------------------------------


def encode_json(value: object) -> bytes:
    r"""Canonical JSON: sorted keys, 1-space indent, UTF-8, one newline at the end.

    Bytes that were no UTF-8 (file names, arguments) travel as lone surrogates and are written as `\udcXX`, which is
    valid JSON and comes back as it was. Raises `ValueError` for nan and infinities: see `encode_number`.
    """
    return "".join((*_json_parts(value, "\n"), "\n")).encode("utf-8", "backslashreplace")


def _json_parts(value: object, newline: str) -> Iterator[str]:
    """What `json.dumps(…, sort_keys=True, indent=1, ensure_ascii=False)` gives (a test compares).

    `import json` brings in `re` and `enum`, 10 ms on the way to the command's start, where nothing else needs them.
    """
    if isinstance(value, str):
        yield _json_text(value)
    elif value is None or value is True or value is False:
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int):
        yield int.__repr__(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            msg = f"JSON has no {value!r}"
            raise ValueError(msg)
        yield float.__repr__(value)
    elif isinstance(value, dict):
        inner, separator = newline + " ", "{"
        for key in sorted(value):
            yield f"{separator}{inner}{_json_text(key)}: "
            yield from _json_parts(value[key], inner)
            separator = ","
        yield newline + "}" if value else "{}"
    elif isinstance(value, (list, tuple)):
        inner, separator = newline + " ", "["
        for item in value:
            yield separator + inner
            yield from _json_parts(item, inner)
            separator = ","
        yield newline + "]" if value else "[]"
    else:
        msg = f"JSON has no {type(value).__name__}"
        raise TypeError(msg)


_JSON_ESCAPES = {number: f"\\u{number:04x}" for number in range(0x20)}
_JSON_ESCAPES |= {
    ord(a): b for a, b in zip('"\\\n\r\t\f\b', ('\\"', "\\\\", "\\n", "\\r", "\\t", "\\f", "\\b"), strict=True)
}


def _json_text(text: str) -> str:
    return f'"{text.translate(_JSON_ESCAPES)}"'


def decode_json(data: bytes) -> Any:
    """Any JSON value, or `FormatError` for what is none, too large, too deep, or has absurd numbers."""
    import json

    if len(data) > MAX_RECORD:
        msg = f"a JSON file of {len(data):,} bytes is over the limit of {MAX_RECORD:,}"
        raise FormatError(msg)
    # Who is to be asked of each whole number costs a third of the time: only where one may be too long.
    has_long = _TOO_LONG in data.translate(_ZEROS, b"\0")  # UTF-16, which Python takes, has those between digits
    try:
        return json.loads(data, parse_int=_whole_number if has_long else None)
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON: {error}"
        raise FormatError(msg) from error


_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TOO_LONG = b"0" * (MAX_DIGITS + 1)


def _whole_number(text: str) -> int:
    digits = len(text) - text.startswith("-")
    if digits > MAX_DIGITS:
        msg = f"there is a whole number of {digits:,} digits, and {MAX_DIGITS} are the most"
        raise FormatError(msg)
    return int(text)


def encode_number(value: float) -> float | str:
    """A number as JSON can hold it: nan and the infinities become the strings that the series files use."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def decode_number(value: object) -> float:
    """What `encode_number` made, as a number again; `FormatError` for anything else.

    A whole number outside 64 bits is the nearest float: other programs write 1e20 as 100000000000000000000.
    """
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_MAX_INT <= value < _MAX_INT else float(value)
    if isinstance(value, str) and value in {"nan", "inf", "-inf"}:
        return float(value)
    msg = f"a {type(value).__name__} is no number"
    raise FormatError(msg)


def as_float(value: float) -> float:
    """A number as a float: a whole number beyond all floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def bounded(value: int) -> int | float:
    """A whole number as what has 64 bits for it takes it: beyond them, the nearest float."""
    return value if -_MAX_INT <= value < _MAX_INT else as_float(value)


def clean_text(text: str) -> str:
    """Text without halves of characters, which JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


# --- the record -------------------------------------------------------------------------------------------------------


def encode_record(record: Mapping[str, Any]) -> bytes:
    """The bytes of run.json."""
    return encode_json({"format": FORMAT, **record})


def decode_record(data: bytes) -> Record:
    """The record, with keys that this version does not know kept.

    Raises `NewerFormat` where `format` is above ours, before anything else is looked at, and `FormatError` where the
    bytes are no record.
    """
    value = decode_json(data)
    if not isinstance(value, dict):
        msg = "the record is not a JSON object"
        raise FormatError(msg)
    found = value.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        shown = found if isinstance(found, (int, float)) else f"a {type(found).__name__}"
        msg = f"the record's format is {shown}, and a whole number from 1 is needed"
        raise FormatError(msg)
    if found > FORMAT:
        raise NewerFormat(found, FORMAT)
    for key in ("id", "name", "status", "started_at"):
        if not isinstance(value.get(key), str):
            msg = f"the record's {key!r} is missing or no text"
            raise FormatError(msg)
    return value


# --- series -----------------------------------------------------------------------------------------------------------


def encode_point(step: int, at: float, value: float) -> bytes:
    """One line of a series: step, unix time in seconds, value; tab-separated; the shortest text that reads back equal."""
    return f"{step}\t{at!r}\t{value!r}\n".encode("ascii")


def decode_series(data: bytes) -> list[Point]:
    """The points of a series file; a torn last line (no newline) is dropped; `FormatError` names a line that is none."""
    lines = data.split(b"\n")
    lines.pop()
    points: list[Point] = []
    for number, line in enumerate(lines, 1):
        try:
            step, at, value = line.split(b"\t")
            points.append((int(step), float(at), float(value)))
        except ValueError as error:
            msg = f"line {number} of a series is not 'step, time, value': {line[:80]!r}"
            raise FormatError(msg) from error
    return points


_PATH_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._-+=@,()[]")


def metric_path(metric: str) -> str:
    """The path of a metric's series in the tree: `train/loss` gives `.gitxp/metrics/train/loss.tsv`.

    Bytes outside a safe set, `.` at a component's beginning, and empty components are percent-encoded, so that any
    name is a legal path on every file system and none leaves its folder.
    """
    return f"{METRICS_FOLDER}/{_coded(metric, '.tsv')}.tsv"


def data_path(path: str) -> str:
    """The path of a data folder's manifest in the tree: `data/train` gives `.gitxp/data/data/train.txt`; as `metric_path`."""
    return f"{DATA_FOLDER}/{_coded(path, '.txt')}.txt"


def _coded(name: str, ending: str) -> str:
    parts = []
    components = name.split("/")
    for number, part in enumerate(components, 1):
        coded = "".join(
            chr(byte) if byte in _PATH_SAFE else f"%{byte:02X}" for byte in part.encode("utf-8", "surrogateescape")
        )
        if coded.startswith("."):
            coded = "%2E" + coded[1:]
        if number < len(components) and coded.endswith(ending):  # a folder must not take the name of a file
            coded = coded[: -len(ending)] + "%2E" + ending[1:]
        parts.append(coded or "%")
    return "/".join(parts)


def metric_name(path: str) -> str | None:
    """The metric whose series is at this path in the tree, or None where the path is no series."""
    if not path.startswith(METRICS_FOLDER + "/") or not path.endswith(".tsv"):
        return None
    parts = []
    for part in path[len(METRICS_FOLDER) + 1 : -4].split("/"):
        head, *rest = part.split("%")
        raw = head.encode("utf-8", "surrogateescape")
        for piece in [] if part == "%" else rest:
            try:
                raw += bytes([int(piece[:2], 16)])
            except ValueError:
                return None
            raw += piece[2:].encode("utf-8", "surrogateescape")
        parts.append(raw.decode("utf-8", "surrogateescape"))
    return "/".join(parts)


# --- time and identity ------------------------------------------------------------------------------------------------


def format_time(ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 UTC with milliseconds: `2026-11-23T20:24:01.123Z`."""
    ms = ns // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def format_moment(seconds: float) -> str:
    """Unix time in seconds as `format_time` has it, rounded: what `parse_time` made of a text gives that text again."""
    return format_time(round(seconds * 1000) * 1_000_000)


def parse_time(text: str) -> float:
    """RFC 3339 as unix time in seconds; `FormatError` for anything else: a day alone, a time without its offset."""
    import datetime

    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # ISO 8601 has weeks and days of the year as well, and Python takes any character between day and hour
    if moment is None or moment.tzinfo is None or text[4:14:3] not in _RFC_3339:
        msg = f"{text[:40]!r} is no time"
        raise FormatError(msg)
    return moment.timestamp()


_RFC_3339 = {f"--{between}:" for between in "Tt "}  # characters 4, 7, 10 and 13


def make_id(ns: int, random: bytes) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) from a time in nanoseconds and 10 random bytes."""
    value = (ns // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def time_of_id(id_: str) -> float:
    """The time that a UUIDv7 was made of, unix time in seconds, to the millisecond."""
    return int(id_.replace("-", "")[:12], 16) / 1000


# --- the commit's message ---------------------------------------------------------------------------------------------


def status_of(exit_code: int | None, signal: int | None) -> str:
    """The status of a run whose command ended with this exit code, or by this signal."""
    if signal is not None:
        return INTERRUPTED if signal == _SIGINT else KILLED
    return COMPLETED if exit_code == 0 else FAILED


def contradicts(record: Mapping[str, Any]) -> bool:
    """Whether the status of a record is not the one that its exit code or signal gives, or it has both of them."""
    exit_code, signal = record.get("exit_code"), record.get("signal")
    if exit_code is None and signal is None:
        return False
    return None not in (exit_code, signal) or status_of(exit_code, signal) != record.get("status")


def command_line(command: Sequence[str]) -> str:
    """The command as one line that a shell would read back; control characters are escaped, not kept."""
    line = " ".join(map(_quoted, command))
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)


_UNQUOTED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%_-+=:,./")


def _quoted(word: str) -> str:
    """As `shlex.quote` has it (a test compares), without its import of `re`."""
    if word and _UNQUOTED.issuperset(word):
        return word
    escaped = word.replace("'", "'\"'\"'")
    return f"'{escaped}'"


def commit_message(record: Mapping[str, Any]) -> bytes:
    """The message of a run's commit: `<name>: <command>`, a few lines for people, trailers for programs."""
    subject = f"{record['name']}: {command_line(record['command'])}"
    if len(subject) > _SUBJECT_WIDTH:
        subject = subject[: _SUBJECT_WIDTH - 1] + "…"
    status = record["status"]
    lines = [f"Status: {status}"]
    if "signal" in record:
        lines[0] += f" (signal {record['signal']})"
    elif record.get("exit_code"):
        lines[0] += f" (exit {record['exit_code']})"
    if "duration" in record:
        lines.append(f"Duration: {record['duration']:.3f} s")
    metrics = record.get("metrics", {})
    main = [name for name in sorted(metrics) if not name.startswith(SYSTEM_PREFIX)]
    lines += [f"{_one_line(name)}: {metrics[name]['last']}" for name in main[:8]]
    trailers = [f"Gitxp-Run: {record['name']}", f"Gitxp-Id: {record['id']}", f"Gitxp-Status: {status}"]
    return "\n".join([subject, "", *lines, "", *trailers, ""]).encode("utf-8", "backslashreplace")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
