"""What two runs stood on: the packages that differ, those that the program imported first, and then all the rest.

Two virtual environments differ in a hundred packages, and the three that the program imports decide how its numbers come
out: these are named first, and on a terminal all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.format import RUNNING
from gitxp.render.measure import shorten
from gitxp.render.safe import visible
from gitxp.render.side_by_side import pair_cells, pair_table
from gitxp.render.table import Cell
from gitxp.render.words import exact_text, is_number, size_text, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.model import Comparison, Run
    from gitxp.render.style import Style

    Pairs = Mapping[str, tuple[Any, Any]]

_PIP, _CONDA = "packages.", "conda.packages."
# Rows of a group on a terminal, and names of one row; into a pipe go as many as _MOST.
_IMPORTED, _OTHERS, _NAMES = 100, 20, 20
_MOST = 10_000
IMPORTS = "imported only by"
# What decides how numbers come out before what does not; keys that are not here come last.
_ORDER = "python sources virtual_env conda os cpu memory gpus cuda container variables imported".split()


def render_environment(comparison: Comparison, *, width: int | None, style: Style) -> str:
    """The environment's differences as a table in groups, each with its heading where packages differ."""
    pairs = comparison.environment
    if comparison.without_environment is not None:
        return shorten(no_environment_text(comparison.without_environment), width) + "\n"
    packages = {name[len(_PIP) :]: pair for name, pair in pairs.items() if name.startswith(_PIP)}
    conda = {
        name[len(_CONDA) :]: pair
        for name, pair in pairs.items()
        if name.startswith(_CONDA) and packages.get(name[len(_CONDA) :]) != pair
    }
    imported = {name: pair for name, pair in packages.items() if name in comparison.imported}
    others = {
        name: pair
        for name, pair in sorted(packages.items(), key=lambda item: None in item[1])
        if name not in comparison.imported
    }
    rest = {
        name: pair
        for name, pair in sorted(pairs.items(), key=lambda item: _place(item[0]))
        if not name.startswith((_PIP, _CONDA)) and not (name == "virtual_env" and pair == pairs.get("python.prefix"))
    }
    groups: list[tuple[str, Pairs, int, Callable[[str, tuple[Any, Any]], Sequence[str]]]] = [
        ("imported packages", imported, _IMPORTED, _versions),
        ("other packages" if imported else "packages", others, _OTHERS, _versions),
        ("conda packages", conda, _OTHERS, _versions),
        ("interpreter and machine", rest, _IMPORTED, environment_texts),
    ]
    rows: list[list[Cell]] = []
    titled = bool(packages or conda)
    for title, group, most, texts in groups:
        if group:
            rows += _rows(title if titled else "", group, _MOST if width is None else most, texts)
    return pair_table(comparison.runs, rows, width=width, style=style)


def no_environment_text(run: Run) -> str:
    """That a run has no environment, and why, where that is known."""
    return f"None is recorded of {visible(run.name)}{' yet: it is running' * (run.status == RUNNING)}."


def _rows(
    title: str, pairs: Pairs, most: int, texts: Callable[[str, tuple[Any, Any]], Sequence[str]]
) -> list[list[Cell]]:
    indent = "  " if title else ""
    rows = [[Cell(title, "heading"), Cell(""), Cell("")]] if title else []
    for name, pair in list(pairs.items())[:most]:
        shown = IMPORTS if name == "imported" and texts is environment_texts else visible(name)
        rows.append([Cell(indent + shown), *pair_cells(pair, texts(name, pair))])
    if len(pairs) > most:
        rows.append([Cell(f"{indent}and {len(pairs) - most:,} more", "faint"), Cell(""), Cell("")])
    return rows


def _place(name: str) -> tuple[int, str]:
    key = name.partition(".")[0]
    return (_ORDER.index(key) if key in _ORDER else len(_ORDER), name)


def _versions(_name: str, pair: tuple[Any, Any]) -> Sequence[str]:
    return [value_text(value) for value in pair]


def environment_texts(name: str, pair: tuple[Any, Any]) -> Sequence[str]:
    """What two runs have of one key of the environment, so that it differs as text, too."""
    a, b = pair
    if name == "imported" and isinstance(a, list) and isinstance(b, list):
        return [_only(a, b), _only(b, a)]
    if name == "memory" and is_number(a) and is_number(b) and size_text(a) != size_text(b):
        return [size_text(a), size_text(b)]
    texts = [value_text(a), value_text(b)]
    return texts if texts[0] != texts[1] else [visible(exact_text(a)), visible(exact_text(b))]


def _only(names: list[Any], others: list[Any]) -> str:
    """The names that are not among the others, too."""
    known = set(map(exact_text, others))
    texts = [value_text(name) for name in names if exact_text(name) not in known]
    more = [f"and {len(texts) - _NAMES:,} more"] if len(texts) > _NAMES else []
    return ", ".join([*texts[:_NAMES], *more]) or "no other"
