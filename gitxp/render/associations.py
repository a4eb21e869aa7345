"""Which parameters go with a metric: as a table with the warnings that belong to it, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.errors import some_of
from gitxp.render.as_json import json_text
from gitxp.render.measure import fit, shorten, width_of, wrap
from gitxp.render.safe import visible
from gitxp.render.style import Style
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import aligned, count_text, is_number, number_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.compared import Association, Associations

_WIDEST = 60
_NAMED = 8  # parameters in a sentence
_VALUES, _DIGITS = 6, 4
_SHORTEST = 12
CHANCE = "?"


def render_associations(told: Associations, *, width: int | None, style: Style | None = None) -> str:
    """The parameters that go with the metric most first, and what to think of it."""
    style = style or Style()
    said = "" if told.direction.is_said else ", as its name says"
    ways = {
        "less": f"the least is best{said}",
        "more": f"the greatest is best{said}",
        None: "neither way is known to be better",
    }
    title = (
        f"What goes with {visible(told.metric)}, over {count_text(told.runs, 'run')} ({ways[told.direction.better]})"
    )
    parts = [_paragraph([title], width, style, "heading")]
    parts += [_paragraph([f"Warning: {visible(warning)}"], width, style, "odd") for warning in told.warnings]
    if told.found:
        parts.append("\n" + _table(told, width, style) + "\n")
    elif not told.warnings:
        parts.append("No parameter changed among these runs.\n")
    parts += [_paragraph([sentence], width, style, "") for sentence in _sentences(told)]
    return "".join(parts)


def _paragraph(lines: Sequence[str], width: int | None, style: Style, ink: str) -> str:
    return "".join(style.paint(piece, ink) + "\n" for line in lines for piece in wrap(line, width))


def _table(told: Associations, width: int | None, style: Style) -> str:
    rows = [_row(one, told.by_chance) for one in told.found]
    for i in (1, 2):
        for row, text in zip(rows, aligned([row[i].text for row in rows]), strict=True):
            row[i] = Cell(text, row[i].ink)
    headings = ["parameter", "correlation", "importance", "runs", "values, best first"]
    right = [False, True, True, True, False]
    keep = [i for i in range(len(headings)) if i in {0, 4} or any(row[i].text.strip() for row in rows)]
    headings, right = [headings[i] for i in keep], [right[i] for i in keep]
    cells = [[row[i] for i in keep] for row in rows]
    naturals = [max(width_of(t), *(width_of(row[i].text) for row in cells)) for i, t in enumerate(headings)]
    naturals = [min(natural, _WIDEST) for natural in naturals]
    if width is not None:
        shortest = [min(n, _SHORTEST) if not is_right else n for n, is_right in zip(naturals, right, strict=True)]
        naturals = fit(naturals, shortest, [0, *range(1, len(headings))], width, gap=GAP, drop=False)
    cut = [
        [
            Cell(shorten(cell.text, w, keep_end=not i), cell.ink)
            for i, (cell, w) in enumerate(zip(row, naturals, strict=True))
        ]
        for row in cells
    ]
    return text_table([shorten(t, w) for t, w in zip(headings, naturals, strict=True)], cut, right=right, style=style)


def _row(one: Association, by_chance: float | None) -> list[Cell]:
    name = ", ".join(visible(param) for param in one.params[:_NAMED])
    if one.correlation is not None:
        text = f"{round(one.correlation, 2) + 0.0:+.2f}"
    else:
        text = "" if one.strength is None else f"{one.strength:.2f}"
    is_weak = one.strength is not None and by_chance is not None and one.strength < by_chance
    importance = "" if one.importance is None else f"{round(one.importance, 2) + 0.0:.2f}"
    if text:
        text += f" {CHANCE}" if is_weak else "  "
    return [
        Cell(name),
        Cell(text, "faint" if is_weak else ""),
        Cell(importance),
        Cell(str(one.runs)),
        Cell(_values(one)),
    ]


def _values(one: Association) -> str:
    """The values, the one with the best mean rank of the metric first; of many numbers how many there are, and from where to where."""
    if len(one.values) > _VALUES and all(map(is_number, one.values)):
        return (
            f"{len(one.values)} from {number_text(min(one.values), _DIGITS)} to {number_text(max(one.values), _DIGITS)}"
        )
    more = [f"and {len(one.values) - _VALUES} more"] if len(one.values) > _VALUES else []
    return ", ".join([*(value_text(value, _WIDEST) for value in one.values[:_VALUES]), *more])


def _sentences(told: Associations) -> Iterator[str]:
    """What the table cannot say."""
    for one in told.found:
        if len(one.params) > 1:
            yield f"{_named(one.params)} always change together here: which of them it is cannot be told."
    if told.constant and told.runs > 1:
        yield f"The same in all of these runs: {_named(told.constant)}."
    if told.unique:
        yield f"Left out, since nearly every run has a value of its own: {_named(told.unique)}."
    if told.passed_over:
        yield f"Left out: {count_text(told.passed_over, 'run')} without a number for {visible(told.metric)}."
    if not told.found:
        return
    yield (
        "correlation: Spearman's, of ranks; without a sign, how much of the ranks goes with categories (eta)."
        + (
            ""
            if told.by_chance is None
            else f" {CHANCE}: below {told.by_chance:.2f}, which chance reaches more often than once in 20."
        )
    )
    if told.explained is not None:
        some = f" of {told.grown:,} of the runs" if told.grown is not None and told.grown < told.runs else ""
        yield (
            f"importance: what a random forest{some} loses of R² when the values are shuffled; it foretells runs that it has "
            f"not seen with R² {told.explained:.2f}."
        )
    yield "This is what goes together in these runs, and says nothing of causes."


def _named(params: Sequence[str]) -> str:
    return some_of([shorten(visible(param), _WIDEST) for param in params], _NAMED)


def render_associations_json(told: Associations) -> str:
    """The same, exact; what is not known is absent, but for `better`."""
    facts: dict[str, Any] = {
        "metric": told.metric,
        "better": told.direction.better,
        "runs": told.runs,
        "passed_over": told.passed_over,
        "parameters": [_association(one) for one in told.found],
        "constant": list(told.constant),
        "unique": list(told.unique),
        "explained": told.explained,
        "grown": told.grown,
        "by_chance": told.by_chance,
        "warnings": list(told.warnings),
    }
    return json_text({key: value for key, value in facts.items() if value is not None or key == "better"})


def _association(one: Association) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "params": list(one.params),
        "runs": one.runs,
        "values": list(one.values),
        "strength": one.strength,
        "correlation": one.correlation,
        "p_value": one.p_value,
        "importance": one.importance,
    }
    return {key: value for key, value in facts.items() if value is not None}
