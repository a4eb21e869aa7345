"""Plots as files: what they hold, that the same plot gives the same bytes, and that names in them are nothing but text."""

from __future__ import annotations

import io
import json
import math
import re
import struct
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from gitxp.format import metric_path
from gitxp.plots import Axis, Curve, Plot
from gitxp.render.figure import FORMATS, render_figure
from run_factory import Factory
from screen import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Gitxp

SVG = "{http://www.w3.org/2000/svg}"
# What TeX, markup, terminals and matplotlib's own syntax would make something of.
EVIL = [
    "$\\frac{x",
    "$x^2$ and $y_{1}$",
    "_hidden",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b]0;evil\x07\x1b[31m",
    "\u202egnp.exe",
    "日本語 🦦",
    "]]>&amp;",
    "%d {x} \\n",
    "a" * 5000,
]


def curve(ys: Sequence[float], label: str = "run", xs: Sequence[float] | None = None) -> Curve:
    """A curve of one run; x counts from 0 unless it is given."""
    return Curve(label, "loss", (label,), xs if xs is not None else range(len(ys)), ys, len(ys), ys[-1] if ys else None)


def plot(*curves: Curve, title: str = "loss", y: Axis | None = None, is_scatter: bool = False) -> Plot:
    """A plot of these curves."""
    return Plot(title, Axis("step"), y or Axis("loss"), curves, is_scatter=is_scatter)


def svg(it: Plot) -> ET.Element:
    """The picture as a tree."""
    return ET.fromstring(render_figure(it, "svg"))  # noqa: S314  (it is our own)


def texts(tree: ET.Element) -> list[str]:
    """All text in a picture."""
    return ["".join(node.itertext()).strip() for node in tree.iter(f"{SVG}text")]


def lines(tree: ET.Element) -> list[list[tuple[float, float]]]:
    """The points of each curve: of the paths that are clipped to the axes and are no part of the grid."""
    found = []
    for group in tree.iter(f"{SVG}g"):
        if group.get("id", "").startswith("line2d"):
            for path in group.findall(f"{SVG}path"):
                pairs = re.findall(r"[ML] (\S+) (\S+)", path.get("d", ""))
                if path.get("clip-path") and "stroke: #dddddd" not in path.get("style", ""):
                    found.append([(float(x), float(y)) for x, y in pairs])
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_plot_gives_the_same_bytes(kind: str) -> None:
    """No date, no random id and no name of a machine is in a file."""
    it = plot(curve([1, 2, 3], "one"), curve([3, 2, 1], "two"))
    assert render_figure(it, kind) == render_figure(it, kind.upper())


def test_kinds() -> None:
    """Each format is what its name says; a PNG is large enough for a page, and its parts are those of a picture alone."""
    it = plot(curve([1, 2, 3]))
    png = render_figure(it, "png")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (1200, 675)
    assert b"tEXt" not in png
    assert render_figure(it, "pdf").startswith(b"%PDF-")
    assert svg(it).tag == f"{SVG}svg"
    assert render_figure(it, "html").startswith(b"<!doctype html>")


def test_curves_stand_where_their_values_are() -> None:
    """The points of a line in a picture lie in the ratios of their values, on both axes; a gap parts the line."""
    ((first, second, third),) = lines(svg(plot(curve([0.0, 1.0, 0.25], xs=[0, 10, 40]))))
    assert (second[0] - first[0]) / (third[0] - first[0]) == pytest.approx(0.25, abs=1e-4)
    assert (third[1] - first[1]) / (second[1] - first[1]) == pytest.approx(0.25, abs=1e-4)
    (low, middle, high) = lines(svg(plot(curve([0.01, 0.1, 10]), y=Axis("loss", is_log=True))))[0]
    assert (middle[1] - low[1]) / (high[1] - low[1]) == pytest.approx(1 / 3, abs=1e-4)
    path = render_figure(plot(curve([1, 2, math.nan, 2, 1])), "svg").decode()
    assert re.search(r"M \S+ \S+ \nL \S+ \S+ \nM \S+ \S+ \nL \S+ \S+ \n\"", path)


def test_what_is_in_a_picture() -> None:
    """Title, axes, ticks and the legend with last values are there as text."""
    shown = texts(svg(plot(curve([1, 2, 3], "one"), curve([3, 2, 1.5], "two"), title="loss of both")))
    assert {"loss of both", "step", "loss", "one  3", "two  1.5", "0.0", "1.0", "2.0"} - set(shown) <= {
        "0.0",
        "1.0",
        "2.0",
    }
    assert "1.5" in shown


def test_of_many_curves_some_are_named() -> None:
    """A legend has room for 24 names, and says how many it leaves out; the curves are all there."""
    tree = svg(plot(*(curve([number, 1], f"run-{number}") for number in range(60))))
    assert len([text for text in texts(tree) if text.startswith("run-")]) == 24
    assert "… and 36 more" in texts(tree)
    assert len(lines(tree)) >= 60


def test_groups_smoothing_and_scatter() -> None:
    """A band is filled, the values before the smoothing are there beside the line, and points are not joined."""
    group = Curve("g", "loss", ("a", "b"), [0, 1], [2, 2], 4, 2.0, lows=[1, 1], highs=[3, 3])
    tree = svg(plot(group, curve([1, 2], "other")))
    assert "g  2 (mean of 2)" in texts(tree)
    assert any("PolyCollection" in node.get("id", "") for node in tree.iter(f"{SVG}g"))
    assert len(lines(svg(plot(curve([1, 2])._replace(raw=([0, 1], [0, 3])))))) == 2
    points = Plot("acc", Axis("opt", categories=("adam", "$sgd$")), Axis("acc"), (curve([1, 2]),), is_scatter=True)
    assert lines(svg(points)) == []
    assert {"adam", "$sgd$"} <= set(texts(svg(points)))


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("ys", [[], [0.5], [math.nan], [1e308, -1e308], [5e-324, 0.0], [0.1] * 3, [1e15, 1e15 + 1]])
@pytest.mark.parametrize("is_log", [False, True])
def test_strange_values(kind: str, ys: list[float], is_log: bool) -> None:
    """No numbers, one, and the largest and smallest of them become a file without a warning."""
    ys = [y if y > 0 or not is_log else math.nan for y in ys]
    it = plot(curve(ys), y=Axis("loss", is_log=is_log))
    assert render_figure(it, kind)
    assert render_figure(it._replace(is_scatter=True), kind)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("is_scatter", [False, True])
def test_names_stop_no_picture(kind: str, is_scatter: bool) -> None:
    """Whatever runs, metrics and categories are called, a file is made, without a warning."""
    curves = tuple(curve([1, 2], name) for name in EVIL)
    axis = Axis("".join(EVIL), categories=tuple(EVIL))
    assert render_figure(Plot("".join(EVIL), axis, axis, curves, is_scatter=is_scatter), kind)


@pytest.mark.parametrize("name", EVIL)
def test_names_are_whole(name: str) -> None:
    """A picture shows each name as it is, but for what a reader could not see, and the end of a very long one."""
    tree = svg(plot(curve([1, 2], name), curve([2, 3], "other"), title=name))
    assert {node.tag.removeprefix(SVG) for node in tree.iter()} <= {
        *("svg", "metadata", "defs", "style", "g", "path", "text", "use", "clipPath", "rect"),
        *(node.tag for node in tree.iter() if not node.tag.startswith(SVG)),  # of the metadata, which are matplotlib's
    }
    if len(name) < 40 and name.isprintable():
        assert name in texts(tree)
        assert any(text.lstrip("\u200b").startswith(f"{name}  2") for text in texts(tree))
    assert not any("\x1b" in text or "\u202e" in text for text in texts(tree))


class Page(HTMLParser):
    """What a browser finds in a page: tags, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and its attributes."""
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text.append(data)


@pytest.mark.parametrize("name", EVIL)
def test_a_page_is_complete_in_itself_and_runs_nothing(name: str) -> None:
    """An HTML page has no script, fetches nothing, forbids both, and has names as text."""
    it = plot(curve([1, 2], name), curve([2, 3], name), title=name)._replace(remarks=(f"Without {name}.",))
    page = Page(render_figure(it, "html").decode())
    assert page.tags.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "link", "a", "form", "image", "foreignobject"}
    )
    for attribute, value in page.attributes:
        assert not attribute.startswith("on")
        if attribute.endswith(("href", "src")):
            assert value.startswith("#")
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", render_figure(it, "html").decode())
    if len(name) < 40 and name.isprintable():
        assert sum(name in text for text in page.text) >= 5  # title, picture, table twice, remark
    assert "\x1b" not in "".join(page.text)


def test_a_page_has_a_table() -> None:
    """Below the picture stand the last value of each curve, exact, and how many runs and points it is of."""
    page = render_figure(plot(curve([1, 0.1 + 0.2], "one"), curve([2, 3], "two")), "html").decode()
    assert '<td>one</td><td class="number">0.30000000000000004</td><td class="number">1</td>' in page
    assert "<p>" not in page


@pytest.fixture
def run(repo: str) -> str:
    """A run with a loss; its name."""
    values = [1.0, 0.5]
    Factory(repo).make(
        "run",
        metrics={"loss": {"last": 0.5, "min": 0.5, "max": 1.0, "count": 2, "step": 1}},
        files={metric_path("loss"): "".join(f"{step}\t1700000000.5\t{value}\n" for step, value in enumerate(values))},
    )
    return "run"


@pytest.mark.usefixtures("run")
def test_output(tmp_path: Path) -> None:
    """--output writes the file, does not write over another without --force, and says what it would take."""
    path = tmp_path / "fig.PNG"
    assert ask("plot", "loss", "--output", str(path), width=80) == (0, b"", "")
    assert path.read_bytes().startswith(b"\x89PNG")
    path.write_bytes(b"mine")
    answer = ask("plot", "loss", "-o", str(path), width=80)
    assert (answer.status, path.read_bytes()) == (2, b"mine")
    assert "is there already" in answer.err
    assert ask("plot", "loss", "-o", str(path), "--force", width=80).status == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    for name, message in (
        ("fig.gif", "There is no format 'gif' for a plot.\nHint: Let it end with one of .png, .svg, .pdf, .html."),
        ("fig", "The name of the file tells no format."),
        ("nowhere/fig.png", "There is no folder"),
    ):
        answer = ask("plot", "loss", "-o", str(tmp_path / name), width=80)
        assert answer.status == 2
        assert f"Error: {message}" in answer.err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["fig.PNG", "repo"]


@pytest.mark.usefixtures("run")
def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where matplotlib is not installed, one sentence says so and what to do; the terminal and JSON need it not."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = ask("plot", "loss", "-o", str(tmp_path / "fig.png"), width=80)
    assert (answer.status, answer.out) == (1, b"")
    assert answer.err == "Error: matplotlib is not installed.\nHint: pip install 'gitxp[plot]'\n"
    assert not (tmp_path / "fig.png").exists()
    assert ask("plot", "loss", width=80).status == 0
    assert json.loads(ask("plot", "loss", "--json").out)["curves"]


@pytest.mark.usefixtures("run")
def test_a_configuration_of_the_users_changes_nothing(tmp_path: Path, gitxp: Gitxp) -> None:
    """Matplotlib's configuration, a backend that is not there and no display make no difference to a file."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: red\nfont.family: Nowhere\n")
    env = {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "TkAgg", "DISPLAY": ""}
    assert gitxp("plot", "loss", "-o", str(tmp_path / "theirs.svg"), env=env).stdout == ""
    assert ask("plot", "loss", "-o", str(tmp_path / "ours.svg")).status == 0
    assert (tmp_path / "theirs.svg").read_bytes() == (tmp_path / "ours.svg").read_bytes()


def test_a_png_shows_the_curve() -> None:
    """The pixels of a line's color lie in a band that falls as the values do."""
    from matplotlib import image

    pixels = image.imread(io.BytesIO(render_figure(plot(curve([3, 2, 1, 0])), "png")))[:, :, :3]
    blue = (abs(pixels - [0, 0x72 / 255, 0xB2 / 255]).sum(axis=2) < 0.02).nonzero()
    rows, columns = blue
    assert len(rows) > 500
    left, right = rows[columns < columns.min() + 20].mean(), rows[columns > columns.max() - 20].mean()
    assert right - left > 400
