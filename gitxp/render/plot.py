"""A plot as text: curves of dots, axes, a legend. Every line has at most the width that is given.

Curves differ by letter as well as by color, since there may be none, and six colors are all that a terminal is sure to
have on a light and on a dark ground.
"""

from __future__ import annotations

import math
import string
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from gitxp.render.axes import make_scale, ticks
from gitxp.render.canvas import Canvas
from gitxp.render.measure import shorten, shorten_apart, width_of, wrap
from gitxp.render.safe import visible
from gitxp.render.style import CURVES, Style
from gitxp.render.words import number_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.plots import Axis, Curve, Plot
    from gitxp.render.axes import Scale, Tick

WIDTH, ROWS = 80, 16  # of what goes into a pipe: columns in all, lines of the drawing
_LETTERS = string.ascii_lowercase + string.ascii_uppercase
_FEWEST_ROWS, _MOST_ROWS = 4, 60
_FEWEST_COLUMNS = 8
_WIDEST_LABEL = 14  # beside the y axis
_WIDEST_ENTRY = 60  # of the legend
_GAP = 3
_ROOM_OF_TITLE = 2  # between the numbers below the picture and what they are
_MARKS = 4  # letters along a curve


class Room(NamedTuple):
    """The columns that a line may have, the lines that all may have (None: no limit), and whether only ASCII can be shown."""

    width: int = WIDTH
    height: int | None = None
    ascii_only: bool = False

    @property
    def dots(self) -> int:
        """About how many dots lie side by side: more columns of points than that cannot be told apart."""
        return max(self.width, _FEWEST_COLUMNS) * 2


def render_plot(plot: Plot, room: Room, style: Style) -> str:
    """The plot as lines; remarks are not among them."""
    if not plot.curves:
        return f"{shorten(visible(plot.title), room.width)}\n(nothing to draw yet)\n"
    lines: list[str] = []
    legend = list(_legend(plot, room, style))
    rows = ROWS
    if room.height is not None:
        rows = room.height - len(legend) - 3
        rows = max(_FEWEST_ROWS, min(rows, _MOST_ROWS, max(ROWS, room.width // 3)))
    parts_y = [part for curve in plot.curves for part in (curve.ys, curve.lows, curve.highs)]
    x = make_scale([curve.xs for curve in plot.curves], plot.x)
    y = make_scale(parts_y, plot.y)
    beside = _beside(ticks(y, plot.y, max(3, rows // 3)), y, rows, min(_WIDEST_LABEL, room.width // 3))
    gutter = max(map(width_of, beside.values())) + 1
    canvas = Canvas(max(_FEWEST_COLUMNS, room.width - gutter - 1), rows, ascii_only=room.ascii_only)
    for number, curve in enumerate(plot.curves):
        _draw(canvas, curve, (x, y), number, plot)
    bar, cross, floor, corner, notch = "|+-++" if room.ascii_only else "│┤─└┬"
    for row, cells in enumerate(canvas.cells()):
        label = beside.get(row)
        margin = " " * (gutter - width_of(label or "")) + (label or "")
        drawn = "".join(style.paint(text, ink) for text, ink in cells).rstrip()
        lines.append(f"{margin[1:]} {cross if label is not None else bar}{drawn}".rstrip())
    below = _below(plot.x, x, canvas.columns)
    base = [floor] * canvas.columns
    for at, _, _ in below:
        base[at] = notch
    lines.append(" " * gutter + corner + "".join(base))
    numbers, tells_x = _numbers_below(below, canvas.columns, plot.x)
    lines.append(" " * (gutter + 1) + numbers)
    heading = style.paint(_heading(plot, room.width, by_x=not tells_x), "heading")
    return "\n".join([heading, *lines, *legend]) + "\n"


def render_remarks(plot: Plot, width: int | None) -> str:
    """What is not drawn, and why: sentences, each on lines of its own."""
    return "".join(f"{line}\n" for remark in map(visible, plot.remarks) for line in wrap(remark, width))


def _heading(plot: Plot, width: int, *, by_x: bool) -> str:
    """The title, and behind it, where there is room for both, what x is and which axes are logarithmic."""
    logs = [name for name, axis in (("y", plot.y), ("x", plot.x)) if axis.is_log]
    by = f" by {visible(plot.x.title)}" if by_x and not plot.is_scatter else ""
    about = by + (f" ({' and '.join(logs)} logarithmic)" if logs else "")
    about = shorten(about, width // 2)
    return shorten(visible(plot.title), width - width_of(about)) + about


def _ink(number: int) -> str:
    return CURVES[number % len(CURVES)]


def _letter(number: int) -> str:
    return _LETTERS[number % len(_LETTERS)]


def _draw(canvas: Canvas, curve: Curve, scales: tuple[Scale, Scale], number: int, plot: Plot) -> None:
    """One curve: its band, its line, and its letter here and there where there are others."""
    ink = _ink(number)
    points = [_dot(canvas, scales, x, y) for x, y in zip(curve.xs, curve.ys, strict=True)]
    if len(curve.lows):
        _draw_band(canvas, curve, scales, ink)
    letter = _letter(number) if len(plot.curves) > 1 else "o" if plot.is_scatter else ""
    if plot.is_scatter:
        for at in filter(None, points):
            canvas.mark(*at, letter, ink)
        return
    drawn: list[tuple[int, int]] = []
    before: tuple[int, int] | None = None
    for point in points:
        if point is not None:
            drawn += canvas.line(before or point, point, ink)
        before = point
    for lone in lone_points(curve):
        if (point := _dot(canvas, scales, *lone)) is not None:
            canvas.mark(*point, letter or "o", ink)
    if letter and drawn:
        # of each curve at other places, so that curves that lie on each other show all their letters
        share = (0.5 + number * 0.618) % 1
        begin, end = drawn[0][0], drawn[-1][0]
        for part in range(_MARKS):
            place = begin + (end - begin) * (part + share) / _MARKS
            canvas.mark(*drawn[bisect_left(drawn, (int(place), 0))], letter, ink)


def lone_points(curve: Curve) -> list[tuple[float, float]]:
    """Points between gaps, which no line would show."""
    ys = [math.nan, *curve.ys, math.nan]
    gaps = list(map(math.isnan, ys))
    inner = zip(curve.xs, curve.ys, gaps, gaps[1:], gaps[2:], strict=False)
    return [(x, y) for x, y, before, here, after in inner if before and after and not here]


def _dot(canvas: Canvas, scales: tuple[Scale, Scale], x: float, y: float) -> tuple[int, int] | None:
    (across,), (up,) = scales[0].places([x]), scales[1].places([y])
    if math.isnan(across) or math.isnan(up):
        return None
    return round(across * (canvas.width - 1)), round(up * (canvas.height - 1))


def _draw_band(canvas: Canvas, curve: Curve, scales: tuple[Scale, Scale], ink: str) -> None:
    """The band between the least and the greatest, column of dots by column of dots."""
    before: tuple[int, int, int] | None = None
    for x, low, high in zip(curve.xs, curve.lows, curve.highs, strict=True):
        bottom, top = _dot(canvas, scales, x, low), _dot(canvas, scales, x, high)
        if bottom is None or top is None:
            before = None
            continue
        at, now = bottom[0], (bottom[0], bottom[1], top[1])
        first, floor, ceiling = before or now
        for column in range(first, at + 1):
            share = (column - first) / (at - first) if at > first else 1.0
            low_dot, high_dot = (round(a + (b - a) * share) for a, b in ((floor, now[1]), (ceiling, now[2])))
            canvas.shade(column, low_dot, high_dot, ink)
        before = now


def _beside(found: Sequence[Tick], scale: Scale, rows: int, width: int) -> dict[int, str]:
    """The labels of the y axis by the line that they stand on, from the top."""
    places = {round((1 - scale.place(tick.value)) * (rows - 1)): shorten(tick.label, width) for tick in found}
    return {row: label for row, label in places.items() if 0 <= row < rows} or {0: ""}


def _below(axis: Axis, scale: Scale, columns: int) -> list[tuple[int, int, str]]:
    """The labels of the x axis that have room: the column of the tick, where the label begins, the label."""
    most = max(3, columns // 10)
    widest = max(6, columns // max(1, min(len(axis.categories), most)) - 1) if axis.categories else columns
    placed: list[tuple[int, int, str]] = []
    free = 0
    for tick in ticks(scale, axis, most):
        label = shorten(tick.label, widest)
        at = round(scale.place(tick.value) * (columns - 1))
        begin = max(0, min(at - width_of(label) // 2, columns - width_of(label)))
        if begin >= free and 0 <= at < columns:
            placed.append((at, begin, label))
            free = begin + width_of(label) + 2
    return placed


def _numbers_below(below: Sequence[tuple[int, int, str]], columns: int, axis: Axis) -> tuple[str, bool]:
    """The line of numbers below the x axis, and whether there was room behind them for what they are."""
    line = ""
    for _, begin, label in below:
        line += " " * (begin - width_of(line)) + label
    title = visible(axis.title)
    room = columns - width_of(line) - width_of(title)
    return (line + " " * room + title, True) if room >= _ROOM_OF_TITLE else (line, False)


def _legend(plot: Plot, room: Room, style: Style) -> Iterator[str]:
    """Letters, names and last values, in as many columns as fit; of many, those for which there is room."""
    if plot.is_scatter and len(plot.curves) == 1 and not plot.curves[0].label:
        return
    is_lettered = len(plot.curves) > 1
    entries = []
    told = list(legend_texts(plot))
    rooms = [max(4, min(_WIDEST_ENTRY, room.width) - len(about) - 3) for about in told]
    names = shorten_apart([visible(curve.label) for curve in plot.curves], [min(rooms, default=4)] * len(rooms))
    for number, (name, about) in enumerate(zip(names, told, strict=True)):
        letter = _letter(number) if is_lettered else "-" if room.ascii_only else "─"
        text = shorten(f"{name} {about}".rstrip(), room.width - 2)
        entries.append((letter, text, _ink(number)))
    widest = max(width_of(text) for _, text, _ in entries) + 2
    columns = max(1, (room.width + _GAP) // (widest + _GAP))
    rows = -(-len(entries) // columns)
    most = rows if room.height is None else max(2, room.height // 3)
    more = 0
    if rows > most:
        rows = most - 1
        more = len(entries) - rows * columns
    for row in range(rows):
        part = entries[row : rows * columns : rows]
        line = "".join(
            f"{style.paint(letter, ink)} {text}{' ' * (widest - 2 - width_of(text) + _GAP)}"
            for letter, text, ink in part
        )
        yield line.rstrip()
    if more:
        yield f"… and {more:,} more"


def legend_texts(plot: Plot) -> list[str]:
    """What stands behind the name of each curve: the last value, of a group also the number of its runs."""
    if plot.is_scatter:
        return [f"({len(curve.runs):,})" for curve in plot.curves]
    lasts = [text.strip() for text in number_texts([curve.last for curve in plot.curves])]
    return [f"{last}{_of_group(curve)}" for last, curve in zip(lasts, plot.curves, strict=True)]


def _of_group(curve: Curve) -> str:
    if not len(curve.lows):
        return ""
    return f" (mean of {len(curve.runs):,})" if len(curve.runs) > 1 else " (1 run)"
