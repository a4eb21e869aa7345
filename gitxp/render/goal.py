"""A goal, and how near the runs came to it, as a short page."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from gitxp.render.measure import shorten
from gitxp.render.safe import visible
from gitxp.render.table import Cell, text_table
from gitxp.render.tree import params_parts
from gitxp.render.words import age_text, count_text, duration_text, number_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitxp.growth import Progress
    from gitxp.render.style import Style

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS, _MOST_STEPS = 40, 5
_WIDEST = 200


def render_goal(progress: Progress, *, width: int | None, style: Style) -> str:
    """The goal, the best so far, what was spent, the progress by day, and the newest improvements."""
    rows = [[Cell(name, "heading"), Cell(text, ink)] for name, text, ink in _facts(progress)]
    room = (width or _WIDEST) - 10
    rows = [[name, Cell(shorten(fact.text, max(8, room)), fact.ink)] for name, fact in rows]
    page = text_table([], rows, right=[False, False], style=style)
    if not progress.steps:
        return page
    lines = []
    for step in reversed(progress.steps[-_MOST_STEPS:]):
        before = "" if step.before is None else number_text(step.before)
        changed = ", ".join(params_parts(step.params))
        when = f"{age_text(progress.now - step.at)} ago"
        lines.append([step.name, when, before, number_text(step.after), shorten(changed, _WIDEST)])
    headings = ["run", "when", "from", "to", "what changed"]
    if width is not None:
        fixed = sum(max(len(line[i]) for line in [headings, *lines]) for i in (1, 2, 3)) + 8
        name = max(8, min(max(len(line[0]) for line in lines), (width - fixed) // 2))
        rest = max(1, width - fixed - name)
        lines = [[shorten(line[0], name), *line[1:4], shorten(line[4], rest)] for line in lines]
        headings[4] = shorten(headings[4], rest)
    table = text_table(
        headings, [list(map(Cell, line)) for line in lines], right=[False, True, True, True, False], style=style
    )
    return f"{page}\nImprovements, the newest first\n{table}"


def _facts(progress: Progress) -> Iterator[tuple[str, str, str]]:
    plan, best = progress.plan, progress.best
    yield "Goal", visible(plan.reach), ""
    if plan.where:
        yield "Among", visible(plan.where), ""
    if progress.reached:
        day = datetime.datetime.fromtimestamp(progress.reached.at).astimezone().date().isoformat()
        yield "Reached", f"by {progress.reached.name}, {day}", "good"
    if best is None:
        yield "Best", f"no run has {visible(plan.metric)} yet", ""
    else:
        yield "Best", f"{number_text(best.after)}, by {best.name}, {age_text(progress.now - best.at)} ago", ""
    if progress.gap and not progress.reached:
        yield "Gap", number_text(progress.gap, 4), ""
    yield "Time", _against(progress.seconds, plan.budget, duration_text), _ink(progress.seconds, plan.budget)
    runs = _against(progress.runs, plan.runs, lambda number: f"{number:,.0f}")
    running = f"; {progress.running:,} running" if progress.running else ""
    yield "Runs", f"{runs}, {progress.measured:,} with the metric{running}", _ink(progress.runs, plan.runs)
    left = progress.days_left
    if left is not None:
        days = count_text(int(abs(left)), "day")
        yield "Left", days if left >= 0 else f"over since {days}", "" if left >= 0 else "bad"
    if len(progress.days) > 1:
        first, last = (number_text(progress.days[at][1], 4) for at in (0, -1))
        yield "Progress", f"{first} {_bars(progress)} {last}, {progress.days[0][0]} to {progress.days[-1][0]}", ""


def _against(spent: float, budget: float | None, words: Callable[[float], str]) -> str:
    if not budget:
        return words(spent)
    return f"{words(spent)} of {words(budget)} ({100 * spent / budget:,.0f}%)"


def _ink(spent: float, budget: float | None) -> str:
    return "bad" if budget and spent > budget else ""


def _bars(progress: Progress) -> str:
    """The best so far of each day as a bar, from the first value to the better of the target and the best."""
    days = [(datetime.date.fromisoformat(day).toordinal(), value) for day, value in progress.days]
    first, last = days[0][0], days[-1][0]
    count = min(_MOST_BARS, last - first + 1)
    ends = [first + (last - first) * at // max(1, count - 1) for at in range(count)]
    values = [_value_at(days, end) for end in ends]
    low, target = days[0][1], progress.plan.target
    high = min(days[-1][1], target) if progress.plan.is_less else max(days[-1][1], target)
    span = high - low
    return "".join(_BARS[round((len(_BARS) - 1) * (value - low) / span)] if span else _BARS[-1] for value in values)


def _value_at(days: Sequence[tuple[int, float]], day: int) -> float:
    return next(value for at, value in reversed(days) if at <= day)
