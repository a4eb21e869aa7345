"""A plot as text: the marks stand where the values are, no line is too wide, and no name reaches the terminal as it is."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.plots import Axis, Curve, Plot
from gitxp.render.axes import make_scale, ticks
from gitxp.render.canvas import Canvas
from gitxp.render.measure import width_of
from gitxp.render.plot import Room, render_plot, render_remarks
from gitxp.render.safe import visible
from gitxp.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

NAN = float("nan")
PLAIN = Style(color=False)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def curve(ys: Sequence[float], label: str = "run", xs: Sequence[float] | None = None) -> Curve:
    """A curve of one run; x counts from 0 unless it is given."""
    places = xs if xs is not None else [float(x) for x in range(len(ys))]
    return Curve(label, "loss", (label,), places, ys, len(ys), ys[-1] if ys else None)


def plot(*curves: Curve, y: Axis | None = None, is_scatter: bool = False) -> Plot:
    """A plot of these curves."""
    return Plot("loss", Axis("step"), y or Axis("loss"), curves, is_scatter=is_scatter)


def drawn(it: Plot, width: int = 60, height: int = 20) -> list[str]:
    """The lines of a plot without colors."""
    return render_plot(it, Room(width, height), PLAIN).splitlines()


def picture(lines: Sequence[str]) -> tuple[int, list[str]]:
    """The column in which the drawing begins, and its lines."""
    found = [line for line in lines if re.match(r" *\S* ?[│┤]", line)]
    start = re.search("[│┤]", found[0])
    assert start
    return start.end(), [line[start.end() :] for line in found]


def dots(lines: Sequence[str]) -> set[tuple[int, int]]:
    """The dots of braille patterns by what Unicode calls them: column and line, counted from the upper left corner."""
    numbers = {1: (0, 0), 2: (0, 1), 3: (0, 2), 7: (0, 3), 4: (1, 0), 5: (1, 1), 6: (1, 2), 8: (1, 3)}
    found = set()
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            name = unicodedata.name(character)
            if name.startswith("BRAILLE PATTERN DOTS-"):
                for digit in name.removeprefix("BRAILLE PATTERN DOTS-"):
                    across, down = numbers[int(digit)]
                    found.add((2 * column + across, 4 * row + down))
    return found


def text(canvas: Canvas) -> list[str]:
    """What a canvas shows, without inks."""
    return ["".join(part for part, _ in line) for line in canvas.cells()]


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 11)), max_size=40))
def test_dots(points: set[tuple[int, int]]) -> None:
    """Each dot of a canvas is the dot of the Unicode pattern at its place, and there is no other."""
    canvas = Canvas(5, 3)
    for x, y in points:
        canvas.dot(x, y, "")
    assert dots(text(canvas)) == {(x, 11 - y) for x, y in points}


def test_outside_of_the_canvas() -> None:
    """What lies outside is not drawn, and does not come in again on the other side."""
    canvas = Canvas(2, 1)
    for x, y in ((-1, 0), (4, 0), (0, -1), (0, 4)):
        canvas.dot(x, y, "")
        canvas.mark(x, y, "a", "")
    assert text(canvas) == [""]


@given(*[st.tuples(st.integers(0, 19), st.integers(0, 19))] * 2)
def test_lines_have_no_holes(start: tuple[int, int], end: tuple[int, int]) -> None:
    """A line has both ends, one dot for each step along its longer side, and each touches the one before."""
    canvas = Canvas(10, 5)
    canvas.line(start, end, "")
    found = sorted((x, 19 - y) for x, y in dots(text(canvas)))
    assert {start, end} <= set(found)
    wide, high = abs(start[0] - end[0]), abs(start[1] - end[1])
    assert len(found) == max(wide, high) + 1
    along = 0 if wide >= high else 1
    found.sort(key=lambda dot: dot[along])
    assert all(abs(a[0] - b[0]) <= 1 and abs(a[1] - b[1]) <= 1 for a, b in pairwise(found))


def test_a_small_picture() -> None:
    """A rising line, its ticks, its last value: each character looked at."""
    assert drawn(plot(curve([0, 1, 2, 3, 4])), 20, 9) == [
        "loss by step",
        "4 ┤              ⣀⠔⠊",
        "  │          ⣀⠤⠒⠉",
        "2 ┤      ⢀⠤⠒⠉",
        "  │   ⣀⠔⠊⠁",
        "0 ┤⡠⠔⠊",
        "  └┬───────┬───────┬",
        "   0       2       4",
        "─ run 4",
    ]


def test_a_long_title_leaves_room_for_what_x_is() -> None:
    """A title that is too long is cut, and not what is said of the axes behind it."""
    it = plot(curve([1, 2, 4]), y=Axis("loss", is_log=True))._replace(title="日本語 " * 30)
    heading = drawn(it, 60)[0]
    assert heading.endswith("… by step (y logarithmic)")
    assert 58 <= width_of(heading) <= 60


def test_in_ascii() -> None:
    """Where the encoding has no braille, stars and plain lines say the same."""
    lines = render_plot(plot(curve([0, 1, 2, 3, 4])), Room(20, 9, ascii_only=True), PLAIN)
    assert lines.isascii()
    assert len(re.findall(r"\*", lines)) >= 16


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=5, unique=True),
    st.integers(30, 120),
    st.integers(12, 40),
)
def test_marks_stand_where_the_values_are(points: list[tuple[float, float]], width: int, height: int) -> None:
    """Each point is marked in the character that lies as far along the axes as its value."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    scale_x, scale_y = make_scale([xs], Axis("")), make_scale([ys], Axis(""))
    lines = drawn(plot(curve(ys, "", xs), is_scatter=True), width, height)
    begin, rows = picture(lines)
    columns = width - begin
    for x, y in points:
        across = (x - scale_x.low) / (scale_x.high - scale_x.low) * columns
        down = (scale_y.high - y) / (scale_y.high - scale_y.low) * len(rows)
        near = {(int(across + a), int(down + b)) for a in (-0.6, 0, 0.6) for b in (-0.3, 0, 0.3)}
        assert any(0 <= row < len(rows) and rows[row][column : column + 1] == "o" for column, row in near)


@given(st.lists(NUMBERS, min_size=2, max_size=6), st.integers(24, 100), st.integers(12, 40), st.booleans())
def test_numbers_stand_beside_their_values(ys: list[float], width: int, height: int, is_log: bool) -> None:
    """A number beside the y axis stands on the line of its value, and the numbers fall from top to bottom."""
    axis = Axis("loss", is_log=is_log)
    ys = [abs(y) or 1.0 for y in ys] if is_log else ys
    scale = make_scale([ys], axis)
    lines = drawn(plot(curve(ys), y=axis), width, height)
    _, rows = picture(lines)
    labels = {tick.label: tick.value for tick in ticks(scale, axis, max(3, len(rows) // 3))}
    found = [(row, line.split("┤")[0].strip()) for row, line in enumerate(lines[1:]) if "┤" in line]
    assert found
    for row, label in found:
        if label in labels:
            place = (1 - scale.place(labels[label])) * (len(rows) - 1)
            assert abs(place - row) <= 0.5 + 1e-6
    values = [labels[label] for _, label in found if label in labels]
    assert values == sorted(values, reverse=True)


NAMES = st.text(min_size=1, max_size=30) | st.sampled_from(["日本語" * 9, "e\u0301" * 20, "\x1b[31mred", "🦦" * 12])


@given(
    st.lists(st.tuples(NAMES, st.lists(st.floats() | NUMBERS, max_size=8)), max_size=9),
    st.integers(24, 130),
    st.none() | st.integers(6, 50),
    st.booleans(),
    st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(
    given_: list[tuple[str, list[float]]], width: int, height: int | None, is_log: bool, is_scatter: bool
) -> None:
    """Whatever names and numbers there are, wide ones, too, each line fits and holds no control character."""
    curves = [curve(ys, name) for name, ys in given_]
    title = "".join(name for name, _ in given_)
    it = Plot(title, Axis(title, is_log), Axis(title, is_log), tuple(curves), is_scatter=is_scatter)
    shown = render_plot(it, Room(width, height), PLAIN)
    for line in shown.splitlines():
        assert width_of(line) <= width, line
    assert visible(shown, keep="\n") == shown
    if height is not None and height >= 14:
        assert shown.count("\n") <= height


def test_gaps_break_the_line() -> None:
    """Between the two sides of a gap nothing is drawn; what stands alone between two gaps is marked."""
    whole = dots(picture(drawn(plot(curve([0, 1, 2, 3, 4]))))[1])
    parted = dots(picture(drawn(plot(curve([0, 1, NAN, 3, 4]))))[1])
    columns = {x for x, _ in whole} - {x for x, _ in parted}
    assert max(columns) - min(columns) >= 0.4 * max(x for x, _ in whole)
    assert "".join(picture(drawn(plot(curve([0.0, NAN, 2.0, NAN, 4.0]))))[1]).count("o") == 3


def test_a_single_point_is_seen() -> None:
    """One point is marked, since a dot is easily overlooked."""
    assert "".join(picture(drawn(plot(curve([0.25]))))[1]).count("o") == 1


def test_letters_tell_curves_apart_without_color() -> None:
    """Each of several curves has a letter, which stands on it and before its name; those that lie on each other have all theirs."""
    lines = drawn(plot(curve([1, 2, 3], "one"), curve([1, 2, 3], "two"), curve([3, 2, 1], "three")), 70, 24)
    _, rows = picture(lines)
    shown = "".join(rows)
    assert all(letter in shown for letter in "abc")
    legend = " ".join(lines[-2:])
    assert re.search(r"a one 3\b.*b two 3\b.*c three 1\b", legend)


def test_last_values_have_the_digits_in_which_they_differ() -> None:
    """The legend rounds the last values together, so that two that differ look different."""
    lines = drawn(plot(curve([0.91234], "one"), curve([0.912341], "two")))
    assert re.search(r"a one 0\.91234 +b two 0\.912341", lines[-1])


def test_colors() -> None:
    """With color each curve has another ink, in the picture and in the legend, and the lines are the same without it."""
    it = plot(curve([1, 2, 3], "one"), curve([3, 2, 1], "two"))
    colored = render_plot(it, Room(60, 20), Style(color=True))
    inks = re.findall(r"\x1b\[(\d+)m([ab])\x1b\[m (?:one|two)", colored)
    assert [letter for _, letter in inks] == ["a", "b"]
    assert inks[0][0] != inks[1][0]
    assert re.sub(r"\x1b\[\d*m", "", colored) == render_plot(it, Room(60, 20), PLAIN)


def test_a_band() -> None:
    """The band of a group lies between its least and its greatest, and not outside of them."""
    group = Curve("g", "loss", ("a", "b"), [0, 1, 2], [5, 5, 5], 6, 5.0, lows=[4, 4, 4], highs=[6, 6, 6])
    rest = curve([0, 10, 0], "other")
    _, rows = picture(drawn(plot(group, rest), 60, 23))
    _, alone = picture(drawn(plot(group._replace(lows=(), highs=()), rest), 60, 23))
    band = dots(rows) - dots(alone)
    assert len(band) > 50
    heights = [1 - y / (4 * len(rows) - 1) for _, y in band]
    assert min(heights) >= 0.38
    assert max(heights) <= 0.62


def test_many_curves_leave_room_for_the_picture() -> None:
    """Of the names of fifty curves as many are shown as take a third of the screen, and the others are counted."""
    lines = drawn(plot(*(curve([1, number], f"a-run-of-a-name-{number:02d}") for number in range(50))), 80, 24)
    assert len(lines) <= 24
    more = re.fullmatch(r"… and (\d+) more", lines[-1])
    assert more
    assert len(re.findall("a-run-of", "\n".join(lines))) + int(more[1]) == 50


@pytest.mark.parametrize(
    ("low", "high", "axis", "labels"),
    [
        (0, 10, Axis(""), ["0", "2", "4", "6", "8", "10"]),
        (0.9123, 0.9131, Axis(""), ["0.9124", "0.9126", "0.9128", "0.9130"]),
        (-1, 1, Axis(""), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (0, 5e7, Axis(""), ["0", "1e7", "2e7", "3e7", "4e7", "5e7"]),
        (1e-9, 3e-9, Axis(""), ["1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9"]),
        (1e-4, 1e2, Axis("", is_log=True), ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100"]),
        (1e-9, 1e3, Axis("", is_log=True), ["1e-9", "1e-7", "1e-5", "0.001", "0.1", "10", "1000"]),
        (0.05, 3, Axis("", is_log=True), ["0.05", "0.1", "0.2", "0.5", "1", "2"]),
        (0, 90, Axis("", is_time=True), ["0", "15s", "30s", "45s", "1m", "1m15s", "1m30s"]),
        (0, 200_000, Axis("", is_time=True), ["0", "12h", "1d", "1d12h", "2d"]),
        (0, 0.5, Axis("", is_time=True), ["0.0s", "0.1s", "0.2s", "0.3s", "0.4s", "0.5s"]),
        (0, 1, Axis("", categories=("adam", "sgd")), ["adam", "sgd"]),
    ],
)
def test_ticks(low: float, high: float, axis: Axis, labels: list[str]) -> None:
    """Ticks stand at round numbers, with as many digits as tell them apart."""
    scale = make_scale([[low, high]], axis)
    assert [tick.label for tick in ticks(scale, axis, 7)] == labels


@given(st.lists(NUMBERS, min_size=1, max_size=4), st.integers(2, 20), st.booleans(), st.booleans())
def test_ticks_lie_on_the_axis(values: list[float], most: int, is_log: bool, is_time: bool) -> None:
    """Whatever the numbers, ticks ascend, lie between the ends, are at most as many as fit, and have different labels."""
    axis = Axis("", is_log=is_log, is_time=is_time)
    values = [abs(value) or 1.0 for value in values] if is_log else values
    scale = make_scale([values], axis)
    assert scale.low <= min(values) <= max(values) <= scale.high
    assert scale.low < scale.high
    found = ticks(scale, axis, most)
    assert 1 <= len(found) <= most
    places = [scale.place(tick.value) for tick in found]
    assert places == sorted(places)
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert len({tick.label for tick in found}) == len(found)


def test_remarks_are_wrapped_and_safe() -> None:
    """What is not drawn is told in lines that fit, without what a name would do to the terminal."""
    it = plot(curve([1]))._replace(remarks=("Without loss, and not drawn: \x1b]0;evil\x07 and another run.",))
    told = render_remarks(it, 40)
    assert told.replace("\n", "").isprintable()
    assert r"\x1b]0;evil\x07" in told.replace("\n", "")
    assert all(len(line) <= 40 for line in told.splitlines())
