"""gitxp.yaml at the root of a repository: what a team wants of every run there, checked in with the code.

What there is to say is in config_example.py, with a word on each.

A key that means nothing, or stands twice, is an error and not ignored: a limit with a slip of the pen in its name would
be no limit. Without the file nothing is imported, and nothing happens but a failing `stat` and a look for a broken link.
"""

from __future__ import annotations

import os

from gitxp.capture.untracked import Limits
from gitxp.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NamedTuple, NoReturn
else:
    from gitxp.light import NamedTuple

FILE_NAME = "gitxp.yaml"
_MAX_SECONDS = 10**9
_MAX_DAYS = 10**5
_LEAST_INTERVAL = 0.1  # seconds; a look takes some milliseconds
_UNITS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{letter: 1024**power for power, letter in enumerate("kmgtp", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", 1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", 1)},
}
_HINT = "Every key is in docs/cli.md; without the file, the defaults hold."
_MEND = "Mend it, or move it away: without the file, the defaults hold. Every key is in docs/cli.md."


class Opened(NamedTuple):
    """What is kept of files that were read and nobody named: see `inputs.py`. Sizes are in bytes, times in seconds."""

    places: Sequence[str] = ()
    max_files: int = 100_000
    max_seconds: float = 10.0


class Written(NamedTuple):
    """What is kept of files that were written and nobody named: see `written.py`."""

    max_file_size: int = 10 * 1024 * 1024
    max_total_size: int = 100 * 1024 * 1024
    max_seconds: float = 10.0
    exclude: Sequence[str] = ()
    scan: bool = True


class Large(NamedTuple):
    """Which files over the limits go into the LFS store; bytes of each kind in one run."""

    artifacts: bool = False
    untracked: bool = False
    max_total_size: int = 20 * 1024**3


class System(NamedTuple):
    """Every how many seconds the use of the machine is measured; 0 is never."""

    interval: float = 10.0


class Trash(NamedTuple):
    """How many days a removed run is kept at the least."""

    days: float = 30.0


class Goal(NamedTuple):
    """What is to be reached, as it is written: see `query/goal.py`, which understands it."""

    reach: str = ""
    where: str = ""
    budget: str = ""
    runs: int = 0
    since: str = ""
    until: str = ""


class Config(NamedTuple):
    """What gitxp.yaml says, or the defaults. Paths are as written there: relative to the top of the working tree."""

    snapshot: Limits = Limits()
    data: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    metrics_from: tuple[str, ...] = ()
    list_columns: tuple[str, ...] = ()
    probe: bool = True
    opened: Opened = Opened()
    written: Written = Written()
    large: Large = Large()
    storage: str = ""
    system: System = System()
    trash: Trash = Trash()
    goal: Goal = Goal()


def load_config(toplevel: str) -> Config:
    """The configuration of the repository with this working tree.

    Raises `ConfigError` with the key or the line where the file cannot be read, is no YAML, has an unknown key, a key
    twice, or a value of a wrong kind.
    """
    path = os.path.join(toplevel, FILE_NAME)
    try:
        os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            raise ConfigError(
                f"{FILE_NAME} is a link to {os.readlink(path)}, which cannot be read: {error.strerror}.",
                hint="Mend the link, or take it away: without the file, the defaults hold.",
            ) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return Config()
        raise ConfigError(f"{FILE_NAME} cannot be read: {error.strerror}.", hint=_MEND) from error
    from gitxp.capture.params.documents import DocumentError, read_document

    try:
        document = read_document(path)
    except OSError as error:
        raise ConfigError(f"{FILE_NAME} cannot be read: {error.strerror}.", hint=_MEND) from error
    except DocumentError as error:
        raise ConfigError(f"{FILE_NAME} cannot be read: {error}.", hint=_MEND) from error
    return decode_config(document)


def decode_config(document: Any) -> Config:
    """The configuration in a decoded gitxp.yaml; None, of an empty file, is the defaults. Raises `ConfigError`."""
    values = _section("", {} if document is None else document, _TOP)
    listing = values.pop("list", {})
    sections = {"snapshot": Limits, "opened": Opened, "written": Written, "large": Large, "system": System}
    sections |= {"trash": Trash, "goal": Goal}
    values |= {key: kind(**values[key]) for key, kind in sections.items() if key in values}
    return Config(list_columns=listing.get("columns", ()), **values)


def parse_size(text: str) -> int | None:
    """Bytes from `50 MiB`, `1GB`, `1.5g`, `300`, or None: B, KB, MB… are powers of 1000; K, KiB, M, MiB… of 1024."""
    text = text.strip().lower()
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    scale = _UNITS.get(text[len(digits) :].strip())
    whole, _, fraction = digits.partition(".")
    if scale is None or not (whole + fraction).isdecimal() or not digits.isascii() or len(digits) > 20:
        return None
    parts = int("1" + "0" * len(fraction))
    return int(whole + fraction) * scale // parts


def _section(prefix: str, found: Any, known: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    if not isinstance(found, dict):
        _refuse(prefix.rstrip(".") or "the whole file", found, "keys with values")
    values = {}
    for key, value in found.items():
        reader = known.get(key) if isinstance(key, str) else None
        if reader is None:
            _unknown(prefix, str(key), known)
        if value is not None:  # `data:` with nothing behind it is as good as no key
            values[str(key)] = reader(prefix + str(key), value)
    return values


def _unknown(prefix: str, key: str, known: Mapping[str, object]) -> NoReturn:
    import difflib

    everywhere = [*_TOP, *(f"{section}.{name}" for section, keys in _SECTIONS.items() for name in keys)]
    near = [name for name in everywhere if name.rpartition(".")[2] == key]
    near = near or difflib.get_close_matches(prefix + key, everywhere, 1, 0.5)
    here = ", ".join(prefix + name for name in known)
    hint = f"Did you mean {near[0]}?" if near else f"Known keys: {here}."
    raise ConfigError(f"{FILE_NAME} has an unknown key: {prefix}{key}.", hint=hint)


def _refuse(key: str, found: Any, wanted: str) -> NoReturn:
    import reprlib  # what a few aliases multiplied is not written out

    shown = reprlib.repr(found)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    raise ConfigError(f"{FILE_NAME}: {key} is {shown}, and must be {wanted}.", hint=_HINT)


def _size(key: str, found: Any) -> int:
    wanted = "a size such as 50 MiB, or a number of bytes"
    size = parse_size(found) if isinstance(found, str) else found
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        _refuse(key, found, wanted)
    return size


def _count(key: str, found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        _refuse(key, found, "a whole number from 0")
    return found


def _seconds(key: str, found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < _MAX_SECONDS:
        _refuse(key, found, "a number of seconds from 0")
    return float(found)


def _days(key: str, found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < _MAX_DAYS:
        _refuse(key, found, "a number of days from 0")
    return float(found)


def _interval(key: str, found: Any) -> float:
    interval = 0.0 if found is False else _seconds(key, found)
    if 0 < interval < _LEAST_INTERVAL:
        _refuse(key, found, f"0 or a number of seconds from {_LEAST_INTERVAL}")
    return interval


def _system(key: str, found: Any) -> dict[str, Any]:
    if isinstance(found, bool):
        return {} if found else {"interval": 0.0}
    return _section(key + ".", found, _SECTIONS["system"])


def _flag(key: str, found: Any) -> bool:
    if not isinstance(found, bool):
        _refuse(key, found, "true or false")
    return found


def _text(key: str, found: Any) -> str:
    if not isinstance(found, str) or not found:
        _refuse(key, found, "a text")
    return found


def _texts(key: str, found: Any) -> tuple[str, ...]:
    items = [found] if isinstance(found, str) else found
    if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
        _refuse(key, found, "a text or a list of texts")
    return tuple(items)


_SNAPSHOT: dict[str, Callable[[str, Any], Any]] = {
    "max_file_size": _size,
    "max_total_size": _size,
    "max_files": _count,
    "exclude": _texts,
    "secrets": _texts,
    "allow": _texts,
}
_SECTIONS: dict[str, dict[str, Callable[[str, Any], Any]]] = {
    "snapshot": _SNAPSHOT,
    "opened": {"places": _texts, "max_files": _count, "max_seconds": _seconds},
    "written": {
        "max_file_size": _size,
        "max_total_size": _size,
        "max_seconds": _seconds,
        "exclude": _texts,
        "scan": _flag,
    },
    "large": {"artifacts": _flag, "untracked": _flag, "max_total_size": _size},
    "system": {"interval": _interval},
    "list": {"columns": _texts},
    "trash": {"days": _days},
    "goal": {"reach": _text, "where": _text, "budget": _text, "runs": _count, "since": _text, "until": _text},
}
_TOP: dict[str, Callable[[str, Any], Any]] = {
    "snapshot": lambda key, found: _section(key + ".", found, _SNAPSHOT),
    "data": _texts,
    "outputs": _texts,
    "metrics_from": _texts,
    "probe": _flag,
    "opened": lambda key, found: _section(key + ".", found, _SECTIONS["opened"]),
    "written": lambda key, found: _section(key + ".", found, _SECTIONS["written"]),
    "large": lambda key, found: _section(key + ".", found, _SECTIONS["large"]),
    "storage": _text,
    "system": _system,
    "list": lambda key, found: _section(key + ".", found, _SECTIONS["list"]),
    "trash": lambda key, found: _section(key + ".", found, _SECTIONS["trash"]),
    "goal": lambda key, found: _section(key + ".", found, _SECTIONS["goal"]),
}
