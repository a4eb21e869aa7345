"""Times and durations as people write them: `2 days ago`, `yesterday`, `2026-11-20`, `1h30m`.

A day without an hour is the whole day, in the reader's own zone: `started == "2026-11-20"` is any time on it, and
`started > "2026-11-20"` after it. So has GitHub's search; a day that was midnight only would be neither.
"""

from __future__ import annotations

import datetime
import re

from gitxp.query.tree import Moment

UNITS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "w": 604_800.0,
    "week": 604_800.0,
    "month": 2_629_746.0,  # a twelfth of a year
    "y": 31_556_952.0,
    "year": 31_556_952.0,  # 365.2425 days
    "ms": 0.001,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_LONGEST = 100
TIMES = "'2026-11-20', '2026-11-20 14:30', 'yesterday', '2 days ago'"
DURATIONS = "'90s', '1h30m', '2 days'"


def parse_duration(text: str) -> float | None:
    """Seconds in `90s`, `1h30m`, `2 days`, `1.5 h`; None for what is no duration."""
    rest = text.strip().lower()
    if not rest or len(rest) > _LONGEST:
        return None
    total = 0.0
    while rest:
        match = _PART.match(rest)
        if match is None:
            return None
        unit = match[2] if match[2] in UNITS else match[2].removesuffix("s")
        if unit not in UNITS:
            return None
        total += float(match[1]) * UNITS[unit]
        rest = rest[match.end() :].lstrip(" ,")
    return total


def parse_moment(text: str, now: float) -> Moment | None:
    """The time that a text means, seen at `now` (unix seconds), in the zone of this machine; None for what is no time."""
    word = " ".join(text.lower().split())
    if len(word) > _LONGEST:
        return None
    if word == "now":
        return Moment(now, now)
    if word in {"today", "yesterday"}:
        today = datetime.datetime.fromtimestamp(now, datetime.UTC).astimezone().date()
        return _day(today - datetime.timedelta(days=word == "yesterday"))
    if word.endswith(" ago"):
        seconds = parse_duration(word.removesuffix(" ago"))
        return None if seconds is None else Moment(now - seconds, now - seconds)
    try:
        return _parse_date(word)
    except (ValueError, OverflowError, OSError):
        return None


def _parse_date(word: str) -> Moment | None:
    """A day, a month, or a day with an hour; None and `ValueError` for what is none of them."""
    if _DAY.fullmatch(word):
        return _day(datetime.date.fromisoformat(word))
    if month := _MONTH.fullmatch(word):
        first = datetime.date(int(month[1]), int(month[2]), 1)
        return Moment(_midnight(first), _midnight((first + datetime.timedelta(days=31)).replace(day=1)))
    if not _DAY.match(word):
        return None  # Python takes weeks, days of the year, and a day without dashes as well
    moment = datetime.datetime.fromisoformat(word.upper()).timestamp()
    return Moment(moment, moment)


def _day(day: datetime.date) -> Moment:
    return Moment(_midnight(day), _midnight(day + datetime.timedelta(days=1)))


def _midnight(day: datetime.date) -> float:
    return datetime.datetime.combine(day, datetime.time()).astimezone().timestamp()
