"""A plot as JSON: the points that are drawn, exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.as_json import json_text

if TYPE_CHECKING:
    from gitxp.plots import Axis, Curve, Plot


def plot_json(plot: Plot) -> str:
    """`{title, scatter, x, y, curves: [{label, metric, runs, count, last, x, y, low, high, raw}], remarks}`.

    `low` and `high` are those of a group, `raw` is what was smoothed; a gap is the text "nan".
    """
    return json_text(
        {
            "title": plot.title,
            "scatter": plot.is_scatter,
            "x": _axis(plot.x),
            "y": _axis(plot.y),
            "curves": list(map(_curve, plot.curves)),
            "remarks": plot.remarks,
        }
    )


def _axis(axis: Axis) -> dict[str, Any]:
    found: dict[str, Any] = {"title": axis.title, "log": axis.is_log}
    if axis.is_time:
        found["unit"] = "s"
    if axis.is_moment:
        found["unit"] = "unix time"
    if axis.categories:
        found["categories"] = axis.categories
    return found


def _curve(curve: Curve) -> dict[str, Any]:
    found: dict[str, Any] = {
        "label": curve.label,
        "metric": curve.metric,
        "runs": curve.runs,
        "count": curve.total,
        "x": list(curve.xs),
        "y": list(curve.ys),
    }
    if curve.last is not None:
        found["last"] = curve.last
    if curve.lows:
        found |= {"low": list(curve.lows), "high": list(curve.highs)}
    if curve.raw is not None:
        found["raw"] = {"x": list(curve.raw[0]), "y": list(curve.raw[1])}
    return found
