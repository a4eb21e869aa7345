"""A plot as one HTML page, complete in itself: the picture as SVG, and its curves as a table.

Nothing is fetched and nothing runs: the page says so itself to the browser (Content Security Policy), whatever a run is
called.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from gitxp.plots import Curve, Plot

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }}
svg {{ width: 100%; height: auto }}
table {{ border-collapse: collapse }}
th, td {{ padding: .2em 1em .2em 0; text-align: left; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
</style>
</head>
<body>
{svg}
{table}{remarks}</body>
</html>
"""


def render_page(plot: Plot, svg: str) -> bytes:
    """The page around a picture, which is an SVG document as matplotlib writes it."""
    picture = svg[svg.index("<svg") :].strip()
    remarks = "".join(f"<p>{_text(remark)}</p>\n" for remark in plot.remarks)
    page = _PAGE.format(title=_text(plot.title), svg=picture, table=_table(plot), remarks=remarks)
    return page.encode("utf-8", "backslashreplace")


def _table(plot: Plot) -> str:
    """The curves as rows; of runs as points, how many there are in each group."""
    if plot.is_scatter and not any(curve.label for curve in plot.curves):
        return ""
    heads = ("", "runs") if plot.is_scatter else ("", "last", "runs", "points")
    head = "".join(f'<th class="{"number" if name else ""}">{name}</th>' for name in heads)
    rows = "".join(f"<tr>{''.join(_cells(curve, is_scatter=plot.is_scatter))}</tr>\n" for curve in plot.curves)
    return f"<table>\n<tr>{head}</tr>\n{rows}</table>\n"


def _cells(curve: Curve, *, is_scatter: bool) -> list[str]:
    numbers = [f"{len(curve.runs):,}"]
    if not is_scatter:
        numbers = ["" if curve.last is None else repr(curve.last), *numbers, f"{curve.total:,}"]
    return [f"<td>{_text(curve.label)}</td>", *(f'<td class="number">{number}</td>' for number in numbers)]


def _text(text: str) -> str:
    return escape(visible(text))
