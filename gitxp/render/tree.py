"""Runs as a tree that fits a terminal, oldest first, one line a run.

A run stands below the one that it grew out of, in the same column: the child from which most others grew goes on
there, the others branch off before it. A branch so has at most half of the runs of the line that it leaves, and ten
thousand runs take fourteen columns at the most, where `tree` would take one for each generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.as_json import json_array
from gitxp.render.measure import fit, shorten, shorten_apart, width_of
from gitxp.render.safe import visible
from gitxp.render.style import ink_of_status
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import count_text, difference_text, is_number, number_texts, pair_texts, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.direction import Direction
    from gitxp.growth import Changes, Descendant, FileLines, Lineage
    from gitxp.names import RunName
    from gitxp.render.style import Style

FIRST, GROWN, CUT = "○", "●", "◌"
_BETTER, _WORSE, _BEST = "▲", "▽", "best"
_MOST_PARAMS, _MOST_FILES, _LONGEST = 3, 2, 40
_WIDEST, _SHORTEST_CHANGE = 200, 16
_SHARE = 3  # a part of the width that names have before all else
_LEAST_NAME = 17  # columns of a name, with what is around it
_LEAST_CUT = 8  # columns that a cut name gets in any case


def render_tree(lineage: Lineage, *, width: int | None, style: Style | None = None) -> str:
    """The runs, each with what changed and what it gained; `width` is None where nothing limits a line."""
    drawn = list(_draw(lineage.runs))
    shown = {one.run.name for one in lineage.runs}
    runs = [one for _, one in drawn]
    title = visible(lineage.metric.key) if lineage.metric else ""
    least_run = _LEAST_NAME + max((len(graph) for graph, _ in drawn), default=0)
    columns: list[tuple[str, list[Cell], int, int | None, bool]] = [
        (
            "run",
            [Cell(f"{graph} {one.run.name}{' ★' if one.run.starred else ''}") for graph, one in drawn],
            0,
            least_run,
            False,
        ),
        ("what changed", [Cell(_change(one, shown)) for one in runs], 1, _SHORTEST_CHANGE, False),
        ("gain", _gains(runs), 2, None, True),
        (shorten(title, _LONGEST, keep_end=True), _values(runs), 3, None, True),
        ("status", [Cell(visible(one.run.status), ink_of_status(one.run.status)) for one in runs], 4, None, False),
        ("tags", [Cell(visible(", ".join(one.run.tags))) for one in runs], 5, 8, False),
    ]
    columns = [column for column in columns if any(cell.text for cell in column[1])]
    order = [c for name in ("run", "status", title, "gain", "what changed", "tags") for c in columns if c[0] == name]
    naturals = [min(_WIDEST, max(width_of(t), *(width_of(c.text) for c in cells))) for t, cells, *_ in order]
    if width is None:
        widths = naturals
    else:
        least = [n if short is None else min(n, short) for n, (_, _, _, short, _) in zip(naturals, order, strict=True)]
        widths = _fitted(naturals, least, [rank for _, _, rank, _, _ in order], width)
    kept = [(column, w) for column, w in zip(order, widths, strict=True) if w]
    names = _names(drawn, kept[0][1])
    rows = [
        [Cell(name), *(Cell(shorten(c[1][i].text, w), c[1][i].ink) for c, w in kept[1:])]
        for i, name in enumerate(names)
    ]
    headings = [shorten(c[0], w, keep_end=True) for c, w in kept]
    return text_table(headings, rows, right=[c[4] for c, _ in kept], style=style)


def _names(drawn: Sequence[tuple[str, Descendant]], width: int) -> list[str]:
    """The lines of the drawing with the names behind them, of which is kept what tells them apart."""
    stars = [" ★" if one.run.starred else "" for _, one in drawn]
    rooms = [width - len(graph) - 1 - len(star) for (graph, _), star in zip(drawn, stars, strict=True)]
    least = max(_LEAST_CUT, min(rooms, default=0))
    cut = shorten_apart([one.run.name for _, one in drawn], [least] * len(drawn))
    lines = []
    for (graph, one), star, room, short in zip(drawn, stars, rooms, cut, strict=True):
        name = one.run.name if width_of(one.run.name) <= room else short
        lines.append(shorten(f"{graph} {name}{star}", width))
    return lines


def _fitted(naturals: list[int], least: list[int], ranks: list[int], width: int) -> list[int]:
    """Widths of the columns; a long name gets more than its share only of the room that all others left."""
    share = max(least[0], width // _SHARE)
    widths = fit([min(naturals[0], share), *naturals[1:]], least, ranks, width, gap=GAP, drop=True)
    left = width - sum(widths) - GAP * (sum(map(bool, widths)) - 1)
    return [min(naturals[0], widths[0] + max(0, left)), *widths[1:]]


def render_json(lineage: Lineage) -> Iterator[str]:
    """The runs as a JSON array, oldest first, in pieces."""
    metric = lineage.metric and {"metric": lineage.metric.key, "better": lineage.metric.better}
    return json_array({**one.to_json(), **(metric or {})} for one in lineage.runs)


def metric_words(direction: Direction, chosen: str | None) -> str:
    """What gains are told of, which way is better, and who says so."""
    if direction.better is None:
        return f"Told of {visible(direction.key)}, of which neither way is known to be better: --metric KEY or -KEY says it"
    why = "as the goal says" if chosen == "goal" else "as you said" if direction.is_said else "by its name"
    way = f"{direction.better} is better, {why}"
    of = " (most runs have it)" if chosen == "most" else ""
    return f"{_BETTER} is better than before, {_WORSE} worse, in {visible(direction.key)}{of}: {way}"


def change_text(changes: Changes) -> str:
    """What changed, in one line: `lr 0.1 → 0.3, model.py +12 -3`; empty where nothing did."""
    parts = list(params_parts(changes.params))
    if changes.program:
        parts.append(_pair("runs", changes.program))
    parts += _file_parts(changes.files, changes.more_files)
    parts += [f"data {visible(shorten(path, _LONGEST, keep_end=True))}" for path in changes.data[:1]]
    if len(changes.data) > 1:
        parts[-1] = f"{count_text(len(changes.data), 'path')} of data"
    parts += [_pair(name, pair) for name, pair in changes.packages.items()][:1]
    if len(changes.packages) > 1:
        parts[-1] = count_text(len(changes.packages), "package")
    return ", ".join(parts)


def params_parts(params: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    """The parameters that differ, each as `lr 0.1 → 0.3`; of many the first, and how many more."""
    for name, pair in list(params.items())[:_MOST_PARAMS]:
        yield _pair(name, pair)
    if len(params) > _MOST_PARAMS:
        yield f"{count_text(len(params) - _MOST_PARAMS, 'more parameter')}"


def _pair(name: str, pair: tuple[Any, Any]) -> str:
    texts: list[str | None] = [None if v is None else shorten(value_text(v, _WIDEST), _LONGEST) or '""' for v in pair]
    if all(map(is_number, pair)):
        texts = [text.strip() for text in pair_texts(*pair)]
    before, after = texts
    title = shorten(visible(name), _LONGEST, keep_end=True)
    if before is None:
        return f"+{title} {after}"
    return f"-{title}" if after is None else f"{title} {before} → {after}"


def _file_parts(files: Sequence[FileLines], more: int) -> list[str]:
    if len(files) + more > _MOST_FILES:
        added, deleted = (sum(n or 0 for n in numbers) for numbers in zip(*[(f[1], f[2]) for f in files], strict=True))
        least = "over " if more else ""
        return [f"{count_text(len(files) + more, 'file')} {least}+{added} -{deleted}"]
    return [
        f"{shorten(visible(path), _LONGEST, keep_end=True)} "
        + ("(binary)" if added is None else f"+{added} -{deleted}")
        for path, added, deleted in files
    ]


def _change(one: Descendant, shown: set[RunName]) -> str:
    if one.run.problem:
        return shorten(visible(one.run.problem), _WIDEST)
    if one.parent is None:
        return ""
    text = change_text(one.changes) or "the same again"
    return text if one.parent in shown else f"from {one.parent}: {text}"


def _values(runs: Sequence[Descendant]) -> list[Cell]:
    return [Cell(text) for text in number_texts([one.value for one in runs])]


def _gains(runs: Sequence[Descendant]) -> list[Cell]:
    cells = []
    for one in runs:
        unknown = ("" if one.gain else "=", "")
        mark, ink = {True: (_BETTER, "good"), False: (_WORSE, "bad"), None: unknown}[one.is_improved]
        text = "" if one.gain is None else f"{difference_text(one.gain)} {mark}".rstrip()
        best = f"{text} {_BEST}".strip() if one.is_best else text
        cells.append(Cell(best, ink))
    return cells


def _draw(runs: Sequence[Descendant]) -> Iterator[tuple[str, Descendant]]:
    """Each run with the lines before it, in the order of the drawing."""
    by_name = {one.run.name: one for one in runs}
    children: dict[RunName | None, list[Descendant]] = {}
    for one in runs:
        parent = one.parent if one.parent in by_name else None
        children.setdefault(parent, []).append(one)
    sizes = _sizes(children)
    # (depth, whether it branches off, run); the last one of the list is drawn next
    waiting = [(0, False, one) for one in reversed(children.get(None, []))]
    while waiting:
        depth, branches, one = waiting.pop()
        lines = "│ " * (depth - branches) + "├─" * branches
        mark = FIRST if one.parent is None else GROWN if one.parent in by_name else CUT
        yield lines + mark, one
        below = children.get(one.run.name, [])
        if below:
            # of equals the latest goes on
            main = max(range(len(below)), key=lambda i: (sizes[below[i].run.name], i))
            waiting.append((depth, False, below[main]))
            waiting += [(depth + 1, True, child) for i, child in reversed(list(enumerate(below))) if i != main]


def _sizes(children: Mapping[RunName | None, Sequence[Descendant]]) -> dict[RunName, int]:
    """How many runs are in the branch that begins with each."""
    order = list(children.get(None, ()))
    for one in order:  # grows meanwhile
        order += children.get(one.run.name, ())
    sizes = {one.run.name: 1 for one in order}
    for one in reversed(order):
        if one.parent in sizes:
            sizes[one.parent] += sizes[one.run.name]
    return sizes
