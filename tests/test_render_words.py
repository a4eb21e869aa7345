from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.render.measure import fit, shorten, width_of, wrap
from gitxp.render.words import (
    age_text,
    command_text,
    difference_of,
    distinct_texts,
    duration_text,
    ending_text,
    exact_text,
    find_time,
    number_text,
    number_texts,
    pair_texts,
    size_text,
    time_text,
    told_apart,
    value_text,
)

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (-86_400, "0s"),
        (-86_401, "future"),
        (0.9, "0s"),
        (12, "12s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (2 * 86400 - 1, "47h"),
        (2 * 86400, "2d"),
        (14 * 86400, "2w"),
        (800 * 86400, "2y"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    """An age has one unit, is never rounded up, and a clock that runs a day ahead gives no negative one."""
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00s"),
        (0.42, "0.42s"),
        (0.999, "1.0s"),
        (4.24, "4.2s"),
        (9.96, "10s"),
        (59.6, "1m 0s"),
        (72, "1m 12s"),
        (3599.7, "1h 0m"),
        (11_100, "3h 5m"),
        (187_300, "2d 4h"),
        (9999.99 * 86_400, "9999d 23h"),
        (10_000 * 86_400, ">9999d"),
        (10**300, ">9999d"),
        (math.inf, "infs"),
        (-(10**300), "-1e+300s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration has at most two units, and rounding never gives sixty of the smaller one."""
    assert duration_text(seconds) == text


def test_sizes() -> None:
    """Sizes are in binary units, with three digits at most."""
    texts = [size_text(n) for n in (0, 999, 1023, 1536, 200 << 20, 3 << 40, 2**63 - 1, 10**300)]
    assert texts == ["0 B", "999 B", "1.0 KiB", "1.5 KiB", "200 MiB", "3.0 TiB", "8192 PiB", "8.88178e+284 PiB"]


def test_times() -> None:
    """A time is shown in the reader's zone with its age; one that is damaged is shown harmlessly and has no value."""
    assert time_text("2026-11-23T20:24:01.123Z", find_time("2026-11-23T20:27:01.123Z") or 0) == (
        "2026-11-23 20:24:01 +0000 (3m ago)"
    )
    assert time_text("2026-11-23T20:24:01.123Z", 0) == "2026-11-23 20:24:01 +0000 (in the future)"
    assert time_text("\x1byesterday", 0) == "\\x1byesterday"
    assert [find_time(text) for text in (None, 12, "soon", "99999-01-01T00:00:00Z", "2026-11-23")] == [None] * 5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (0.123456789, "0.123457"),
        (1e-5, "1e-05"),
        (1234567.25, "1234567"),
        (1e15, "1e+15"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (10**30, "1e+30"),
        (-(2**64), "-1.84467e+19"),
        (int("9" * 308), "1e+308"),
        (10**17, "100000000000000000"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Six digits are shown of a fraction, all of a whole number, and no number is too large for a cell."""
    assert number_text(value) == text


def test_numbers_of_a_column() -> None:
    """Numbers of a column are rounded together and their points stand below each other."""
    assert number_texts([0.1, None, 12, 0.00123456]) == ["0.1     ", "", "12       ", "0.001235"]
    assert number_texts([0.91, 0.9]) == ["0.91", "0.9 "]
    assert number_texts([1, 10, 100]) == ["1", "10", "100"]


def test_close_numbers_stay_different() -> None:
    """More digits are shown where fewer would make different values look equal."""
    assert number_texts([0.12345, 0.12349]) == ["0.12345", "0.12349"]
    assert number_texts([0.12346, 0.5]) == ["0.1235", "0.5   "]
    assert number_texts([0.123451, 0.123452]) == ["0.123451", "0.123452"]


def test_what_differs_looks_different() -> None:
    """Where six digits make different numbers the same, as many are shown as it takes; what is not there stays empty."""
    assert distinct_texts([0.12345671, None, 0.12345672]) == ["0.12345671", "", "0.12345672"]
    assert distinct_texts([0.1, None, 0.25]) == ["0.1 ", "", "0.25"]
    assert pair_texts(0.12345671, 0.12345672) == ["0.12345671", "0.12345672"]
    assert pair_texts(1, 1.0) == ["1", "1"]
    assert pair_texts("adam", 1) == ["adam", "1"]


def test_what_is_text_does_not_look_like_a_number_beside_it() -> None:
    """A text that looks like another value beside it, or like nothing, is in quotes; no other is."""
    assert pair_texts(0.1, "0.1") == ["0.1", '"0.1"']
    assert pair_texts("true", True) == ['"true"', "true"]
    assert pair_texts(2.0, "2.0") == ["2", '"2.0"']
    assert pair_texts("a", "a ") == ["a", '"a "']
    assert pair_texts([1, "x"], '[1, "x"]') == ['[1, "x"]', '"[1, \\"x\\"]"']
    assert pair_texts(None, "") == ["", '""']
    assert pair_texts("-", "(none)") == ['"-"', '"(none)"']
    assert pair_texts("0.1", "0.2") == ["0.1", "0.2"]
    assert told_apart([1, "1", None, "x", "1" * 9], ["1", "1", "", "x", "1" * 9], 4) == ["1", '"1"', "", "x", "1" * 9]


def test_differences() -> None:
    """A difference has its sign, and there is none of what is no number, or not finite."""
    assert [difference_of(1, 3), difference_of(0.5, 0.25), difference_of(2, 2)] == ["+2", "-0.25", "0"]
    assert [difference_of(1, "2"), difference_of(True, 2), difference_of(1, math.inf), difference_of(None, 1)] == [
        ""
    ] * 4


@given(st.lists(st.one_of(st.none(), FLOATS, st.integers())))
def test_points_are_aligned(values: list[float | None]) -> None:
    """Whatever the numbers of a column, as many characters stand behind each point."""
    texts = [text for text in number_texts(values) if text]
    tails = {
        len(text) - min(i for i in (text.find("."), text.find("e"), len(text.rstrip())) if i >= 0) for text in texts
    }
    assert len(tails) <= 1


@given(FLOATS)
def test_exact_numbers_read_back(value: float) -> None:
    """An exact number is the number."""
    assert float(exact_text(value)) == value


def test_values() -> None:
    """A parameter is shown as people write it: strings bare, truth in small letters, lists as JSON, all on one line."""
    values = ["sgd", True, None, 0.1, [64, "a\n"], "\x1b[31m"]
    assert [value_text(value) for value in values] == ["sgd", "true", "", "0.1", '[64, "a\\n"]', "\\x1b[31m"]


def test_width() -> None:
    """East Asian characters and emoji are two columns wide, combining marks none."""
    assert [width_of(text) for text in ("abc", "日本", "e\u0301", "🙂", "ﾊ")] == [3, 4, 1, 2, 1]


@given(st.text(st.sampled_from("aé日🙂\u0301 ")), st.integers(1, 12), st.booleans())
def test_shortened_text_fits(text: str, width: int, keep_end: bool) -> None:
    """A shortened text is never wider than asked for, and one that fits is left alone."""
    short = shorten(text, width, keep_end=keep_end)
    assert width_of(short) <= width
    assert short == text or width_of(text) > width or len(text) > 4 * width
    assert len(short) <= 4 * width + 17


@given(st.text(st.sampled_from("aé日🙂\u0301 ")), st.integers(1, 30))
def test_wrapped_text_fits_and_is_whole(text: str, width: int) -> None:
    """Wrapping loses nothing but spaces, and no line is wider than asked for, but where one character is."""
    lines = list(wrap(text, width))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line) <= width or len(line.replace("\u0301", "")) == 1 for line in lines)


def test_marks_without_end() -> None:
    """Thousands of marks that take no column are no more than a few of them."""
    assert len(shorten("x" + "\u0301" * 100_000, 10)) < 60
    assert len(shorten("x" + "\u0301" * 100_000, 10, keep_end=True)) < 60


def test_the_beginning_of_what_is_long() -> None:
    """Of a long text, list or command as much is looked at as is asked for."""
    assert value_text("x" * 50, 5) == "xxxxx…"
    assert value_text(["x"] * 50, 5) == '["x",…'
    assert value_text("x\x1b" * 50, 2) == "x\\x1b…"
    assert command_text(["a b", "c"], 10) == "'a b' c"
    assert command_text(["x" * 50, "y"], 10) == "xxxxxxxxxx…".join("''") + "…"
    assert command_text(["x"] * 50, 3) == "x x…"


def test_exact_text_is_what_there_is() -> None:
    """An exact text has the characters that the record has, for programs; what shows it must make it safe."""
    assert exact_text("a\n\x1b[2J") == "a\n\x1b[2J"
    assert [exact_text(value) for value in (None, True, 2**64, 0.1, ["ü", None])] == [
        "",
        "true",
        "18446744073709551616",
        "0.1",
        '["ü", null]',
    ]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, ""),
        ({"exit_code": 0}, "exit 0"),
        ({"signal": 9}, "signal 9"),
        ({"exit_code": 1, "signal": 9}, "exit 1, signal 9"),
        ({"exit_code": "\x1b"}, "exit \\x1b"),
    ],
)
def test_endings(keys: dict[str, object], text: str) -> None:
    """How a command ended, in the record's own words."""
    assert ending_text(keys) == text


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), min_size=1, max_size=12), st.integers(20, 200))
def test_columns_fit(columns: list[tuple[int, int]], width: int) -> None:
    """Columns fit into the width, none is wider than its text or narrower than it may be, and the first one stays."""
    naturals, shortest = zip(*columns, strict=True)
    widths = fit(list(naturals), list(shortest), list(range(len(columns))), width, gap=2, drop=True)
    shown = [w for w in widths if w]
    assert sum(shown) + 2 * (len(shown) - 1) <= width
    assert widths[0]
    assert all(w == 0 or min(n, s) <= w <= n for w, n, s in zip(widths, naturals, shortest, strict=True))
