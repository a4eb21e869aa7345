"""A plot as a file: PNG, SVG, PDF, or one HTML page, drawn by matplotlib (`gitxp[plot]`).

The same plot gives the same bytes: no date, no random ids, and nothing of the user's matplotlib configuration. Names of
runs are text and never TeX or markup. No display is needed, and only the font that matplotlib brings is used for
measuring; in SVG and HTML text stays text, so that the reader's own fonts show what that one does not have.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from gitxp.errors import GitxpError, UsageError
from gitxp.render.axes import make_scale, ticks
from gitxp.render.measure import shorten
from gitxp.render.plot import legend_texts, lone_points
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gitxp.plots import Axis, Curve, Plot
    from gitxp.render.axes import Scale

FORMATS = ("png", "svg", "pdf", "html")
# Masataka Okabe and Kei Ito, Color Universal Design (2008), without the yellow, which white paper swallows.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "os^Dv*P"
_INCHES = (8.0, 4.5)
_DPI = 150
_MOST_IN_LEGEND = 24
_FEW_IN_LEGEND = 6  # so many find a place inside of the axes
_LONGEST = 48  # characters of a name
_LONGEST_TITLE = 80
_LONGEST_TICK = 24
_MOST_ABREAST = 80  # characters of categories side by side
_MARGIN = 0.03  # of the axes, around the curves
_MOST_RAW = 8  # curves of which the values from before the smoothing are shown, too
_SETTINGS = {
    "axes.formatter.use_mathtext": False,
    "font.family": "DejaVu Sans",
    "path.simplify": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "gitxp",
    "text.parse_math": False,
    "text.usetex": False,
}
# What each format would say of the day and the machine.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def render_figure(plot: Plot, kind: str) -> bytes:
    """The file. `kind` is one of `FORMATS`. Raises `UsageError` for another, `GitxpError` where matplotlib is missing."""
    kind = kind.lower()
    if kind not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(
            f"There is no format {kind!r} for a plot." if kind else "The name of the file tells no format.",
            hint=f"Let it end with one of {known}.",
        )
    try:
        import matplotlib
        from matplotlib import style
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise GitxpError("matplotlib is not installed.", hint="pip install 'gitxp[plot]'") from None
    if kind == "html":
        from gitxp.render.plot_page import render_page

        return render_page(plot, render_figure(plot, "svg").decode())
    with style.context("default"), matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # a character that its font does not have is drawn as a box
        warnings.filterwarnings("ignore", message=".*missing from font", category=UserWarning)
        file = io.BytesIO()
        _draw(plot).savefig(file, format=kind, dpi=_DPI, metadata=_METADATA[kind])
        return file.getvalue()


def _draw(plot: Plot) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    scales = _set_axes(axes, plot)
    for number, (curve, about) in enumerate(zip(plot.curves, legend_texts(plot), strict=True)):
        label = f"{_name(curve.label)}  {about}" if curve.label else ""
        _draw_curve(axes, _placed(curve, scales), number, plot, label if number < _MOST_IN_LEGEND else "")
    # of the figure: the layout would shrink the axes until a long title of theirs has room
    figure.suptitle(_name(plot.title, _LONGEST_TITLE), fontsize=12, x=0.01, horizontalalignment="left")
    _set_legend(figure, axes, plot)
    return figure


def _set_axes(axes: Axes, plot: Plot) -> tuple[Scale, Scale]:
    """Limits, ticks and names of both axes; the scales.

    To matplotlib both go from 0 to 1: its own scales overflow between the largest numbers, and its ticks of powers of ten
    are TeX.
    """
    xs = [curve.xs for curve in plot.curves]
    ys = [part for curve in plot.curves for part in (curve.ys, curve.lows, curve.highs, *(curve.raw or ())[1:])]
    scales = []
    pairs: list[tuple[Any, Axis, Any, int]] = [(axes.xaxis, plot.x, xs, 8), (axes.yaxis, plot.y, ys, 7)]
    for side, axis, parts, most in pairs:
        scale = make_scale(parts, axis)
        found = ticks(scale, axis, most if not axis.categories else len(axis.categories))
        side.set_major_locator(_fixed([scale.place(tick.value) for tick in found]))
        side.set_ticklabels([shorten(tick.label, _LONGEST_TICK) for tick in found])
        side.set_label_text(_name(axis.title))
        margin = 0.0 if axis.categories else _MARGIN
        getattr(axes, f"set_{side.axis_name}lim")(-margin, 1 + margin)
        scales.append(scale)
    widest = max((len(word) for word in plot.x.categories), default=0)
    if widest * len(plot.x.categories) > _MOST_ABREAST:
        for label in axes.get_xticklabels():
            label.set(rotation=45, rotation_mode="anchor", horizontalalignment="right")
    return scales[0], scales[1]


def _placed(curve: Curve, scales: tuple[Scale, Scale]) -> Curve:
    """The curve with its points where they stand on axes from 0 to 1."""
    x, y = scales
    return curve._replace(
        xs=x.places(curve.xs),
        ys=y.places(curve.ys),
        lows=y.places(curve.lows),
        highs=y.places(curve.highs),
        raw=curve.raw and (x.places(curve.raw[0]), y.places(curve.raw[1])),
    )


def _draw_curve(axes: Axes, curve: Curve, number: int, plot: Plot, text: str) -> None:
    color = _COLORS[number % len(_COLORS)]
    # matplotlib leaves a name that begins with an underscore out of the legend
    label = f"\u200b{text}" if text.startswith("_") else text or "_"
    turn = number // len(_COLORS)
    if plot.is_scatter:
        marker = _MARKERS[(number + turn) % len(_MARKERS)]
        axes.scatter(curve.xs, curve.ys, s=36, c=color, marker=marker, label=label, alpha=0.8, linewidths=0)
        return
    if curve.raw is not None and len(plot.curves) <= _MOST_RAW:
        axes.plot(*curve.raw, color=color, alpha=0.25, linewidth=0.8)
    if len(curve.lows):
        axes.fill_between(curve.xs, curve.lows, curve.highs, color=color, alpha=0.18, linewidth=0)
    lone = lone_points(curve)
    axes.plot(curve.xs, curve.ys, color=color, linestyle=_DASHES[turn % len(_DASHES)], linewidth=1.5, label=label)
    if lone:
        axes.plot([x for x, _ in lone], [y for _, y in lone], "o", color=color, markersize=4)


def _fixed(values: list[float]) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator(values)


def _set_legend(figure: Figure, axes: Axes, plot: Plot) -> None:
    labels = [curve for curve in plot.curves if curve.label]
    if not labels or (len(plot.curves) == 1 and plot.curves[0].label in plot.title):
        return
    more = len(plot.curves) - _MOST_IN_LEGEND
    if more > 0:
        axes.plot([], [], linestyle="none", label=f"… and {more:,} more")
    if len(labels) <= _FEW_IN_LEGEND:
        axes.legend(frameon=True, framealpha=0.8, edgecolor="none", fontsize=9)
    else:
        figure.legend(loc="outside right center", frameon=False, fontsize=8)


def _name(text: str, most: int = _LONGEST) -> str:
    return shorten(visible(text), most)
