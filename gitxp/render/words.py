"""Values as people read them: ages, durations, sizes, numbers, parameters.

Tables round; what wants the exact value asks for `--json` or `--csv`. Numbers that stand in one column are rounded
together, so that two that differ do not look the same if six digits can tell them apart.
"""

from __future__ import annotations

import math
import time

from gitxp.errors import FormatError
from gitxp.format import command_line, parse_time
from gitxp.render.safe import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_FEWEST_DIGITS, _MOST_DIGITS, _ALL_DIGITS = 4, 6, 17
_LONGEST_WHOLE = 10**15  # from here on a float is no longer exact to the unit
_LONGEST_INTEGER = 10**18
_MINUTE, _HOUR, _DAY, _WEEK, _YEAR = 60, 3600, 86400, 7 * 86400, 365 * 86400
_MOST_DAYS = 10_000
_FUTURE = "future"
_ELLIPSIS = "…"


def age_text(seconds: float) -> str:
    """How long ago, in one unit: `12s`, `3m`, `5h`, `2d`, `3w`, `2y`; `future` for more than a day to come."""
    if seconds < -_DAY:
        return _FUTURE
    seconds = max(0, seconds)
    for unit, size, end in (
        ("s", 1, _MINUTE),
        ("m", _MINUTE, _HOUR),
        ("h", _HOUR, 2 * _DAY),
        ("d", _DAY, 2 * _WEEK),
        ("w", _WEEK, 2 * _YEAR),
    ):
        if seconds < end:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds // _YEAR:.0f}y"


def duration_text(seconds: float) -> str:
    """A duration in at most two units: `0.42s`, `4.2s`, `42s`, `1m 12s`, `3h 5m`, `2d 4h`; at most `>9999d`."""
    if not 0 <= seconds < math.inf:
        return f"{number_text(seconds)}s"
    if seconds >= _MOST_DAYS * _DAY:
        return f">{_MOST_DAYS - 1}d"
    if seconds < 9.95:
        return f"{seconds:.2f}s" if seconds < 0.995 else f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    for end, unit, size, smaller, part in ((_HOUR, "m", _MINUTE, "s", 1), (_DAY, "h", _HOUR, "m", _MINUTE)):
        if whole < end:
            return f"{whole // size}{unit} {whole % size // part}{smaller}"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def size_text(size: float) -> str:
    """Bytes in binary units: `512 B`, `1.5 KiB`, `3.0 GiB`."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    if size >= 1e6:
        return f"{number_text(size)} {unit}"
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def time_text(text: str, now: float) -> str:
    """A time of the record in the reader's own zone, and how long ago that was; damaged ones as they are."""
    at = find_time(text)
    if at is None:
        return visible(text)
    age = age_text(now - at)
    when = "in the future" if age == _FUTURE else f"{age} ago"
    return f"{time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(at))} ({when})"


def find_time(text: object) -> float | None:
    """Unix time in seconds of a time of the record, None where it is missing, damaged, or no time that a clock shows."""
    if not isinstance(text, str):
        return None
    try:
        at = parse_time(text)
        time.localtime(at)
    except (FormatError, ValueError, OverflowError, OSError):
        return None
    return at


def number_text(value: float, digits: int = _MOST_DIGITS) -> str:
    """A number to so many significant digits; whole numbers are not rounded while they have fewer than 16 digits.

    A whole number may have as many digits as `format.MAX_DIGITS`.
    """
    if isinstance(value, int):
        if abs(value) < _LONGEST_INTEGER:
            return str(value)
    elif value.is_integer() and abs(value) < _LONGEST_WHOLE:
        return str(int(value))
    if 10**digits <= abs(value) < _LONGEST_WHOLE:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def number_texts(values: Sequence[float | None]) -> list[str]:
    """Numbers of one column, rounded together and aligned at the decimal point; None is empty.

    As few significant digits are shown, from four to six, as keep different values different.
    """
    numbers = [value for value in values if value is not None]
    different = len(set(numbers))
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        texts = ["" if value is None else number_text(value, digits) for value in values]
        if len(set(texts) - {""}) >= different:
            break
    return aligned(texts)


def aligned(texts: Sequence[str]) -> list[str]:
    """Numbers as text, filled with spaces so that their points stand below each other where they align right."""
    tails = [len(text) - _point(text) for text in texts]
    longest = max(tails, default=0)
    return [text + " " * (longest - tail) if text else "" for text, tail in zip(texts, tails, strict=True)]


def _point(text: str) -> int:
    """Where the digits before the point (or the exponent) end."""
    ends = [i for i in (text.find("."), text.find("e")) if i > 0]
    return min(ends, default=len(text))


def is_number(value: object) -> bool:
    """Whether a value of the record is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def value_text(value: Any, most: int | None = None) -> str:
    """A parameter or another value of the record on one line, safe for a terminal: strings bare, lists as JSON.

    Of a text with more than `most` characters the beginning is taken, with an ellipsis.
    """
    text = number_text(value) if isinstance(value, (int, float)) and is_number(value) else exact_text(value)
    return visible(text if most is None or len(text) <= most else text[:most] + _ELLIPSIS)


def exact_text(value: Any) -> str:
    """A value of the record as it is: strings bare with whatever is in them, numbers so that they read back equal."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return repr(value)
    import json

    return json.dumps(value, ensure_ascii=False)


def pair_texts(a: Any, b: Any) -> list[str]:
    """Two values of the record, rounded to what differs."""
    return (
        distinct_texts([a, b])
        if is_number(a) and is_number(b)
        else ['""' if v == "" else value_text(v) for v in (a, b)]
    )


def difference_text(difference: float) -> str:
    """A difference of two numbers with its sign, to four digits."""
    return f"{'+' if difference > 0 else ''}{number_text(difference, _FEWEST_DIGITS)}"


def difference_of(a: Any, b: Any) -> str:
    """B - A of two values of the record, as text; empty where they are no numbers, or it is infinite or nan."""
    difference = b - a if is_number(a) and is_number(b) else math.nan
    return difference_text(difference) if math.isfinite(difference) else ""


def distinct_texts(values: Sequence[float | None]) -> list[str]:
    """Numbers as `number_texts` rounds them; where that makes different ones the same, with more digits. None is empty."""
    texts = number_texts(values)
    numbers = [value for value in values if value is not None]
    if len(set(numbers)) == len({text.strip() for text in texts} - {""}):
        return texts
    precise = iter(_precise_texts(numbers))
    return ["" if value is None else next(precise) for value in values]


def _precise_texts(values: Sequence[float]) -> list[str]:
    """Numbers with as few digits as keep different ones different, and more than a column usually has."""
    different = len(set(values))
    for digits in range(_MOST_DIGITS + 1, _ALL_DIGITS):
        texts = [number_text(value, digits) for value in values]
        if len(set(texts)) == different:
            return texts
    return [exact_text(value) for value in values]


def command_text(command: Sequence[str], most: int | None = None) -> str:
    """The command as a shell would read it, safe for a terminal; of more than about `most` characters the beginning."""
    if most is None:
        return visible(command_line(command))
    words: list[str] = []
    for word in command:
        if most < 0:
            return visible(command_line(words)) + _ELLIPSIS
        words.append(word if len(word) <= most else word[:most] + _ELLIPSIS)
        most -= len(word) + 1
    return visible(command_line(words))


def ending_text(record: Mapping[str, Any]) -> str:
    """How the command ended: `exit 1`, `signal 9`; a record that says both gets both; empty where it says neither."""
    ends = [("exit", record.get("exit_code")), ("signal", record.get("signal"))]
    return ", ".join(f"{how} {value_text(number)}" for how, number in ends if number is not None)


def runs_text(runs: int, archives: int = 0) -> str:
    """`2 runs`, `2 runs and 1 archive`."""
    both = [count_text(runs, "run")] if runs or not archives else []
    return " and ".join(both + ([count_text(archives, "archive")] if archives else []))


def count_text(count: int, noun: str) -> str:
    """`1 run`, `2 runs`, `12,000 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
