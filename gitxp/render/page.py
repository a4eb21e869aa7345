"""One run on one page: how it ended, what it was given, what came of it, and what to type next.

A page is built from the object that `gitxp show --json` prints. Records come from strangers, too: a part that has not
the form that docs/format.md gives to it is left out here (`--json` has it as it is).
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from gitxp.errors import some_of
from gitxp.format import SYSTEM_PREFIX, contradicts
from gitxp.render.environment import environment_rows
from gitxp.render.files_of_run import data_rows, has_artifacts, lacks_content, large_rows, logged_rows, output_rows
from gitxp.render.measure import fit, shorten, width_of, wrap
from gitxp.render.style import Style, ink_of_status
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.untyped import MANY, list_of, mapping_of, mappings_of, some, text_of
from gitxp.render.words import (
    command_text,
    duration_text,
    ending_text,
    is_number,
    size_text,
    time_text,
)
from gitxp.sources import by_number, source_rank, source_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHORT_OID = 10
_MOST_PARAMS_SHOWN, _MOST_PARAMS = 100, 1000  # on a terminal; else as many as the format has
_LONGEST = 10_000  # characters of one value; --json has it whole
_NOTE_LINES = 100  # of one note; --json has all
_WIDEST_NAME = 200
_INDENT = "  "
_UNITS = {
    "cpu": "%",
    "utilization": "%",
    "power": "W",
    "temperature": "°C",
    **dict.fromkeys(("memory", "read", "written", "received", "sent"), "B"),
}
_LEAST = 12  # columns that a metric's name has, however narrow the terminal


def render_page(about: Mapping[str, Any], *, width: int | None, now: float, style: Style | None = None) -> str:
    """The page of a run, from what `Repo.show` gave; ages are counted from `now` (unix time)."""
    style = style or Style()
    sections = [
        ("", _facts(about, now), ()),
        ("Parameters", _params(about, _MOST_PARAMS if width is None else _MOST_PARAMS_SHOWN), ()),
        ("Metrics", _metrics(about), ("", "last", "min", "max", "points")),
        ("System", _system(about), ("", "last", "min", "max", "points")),
        ("Summary", _summary(about), ()),
        ("Data", data_rows(about), ()),
        ("Large files", large_rows(about), ()),
        ("Outputs", output_rows(about), ()),
        ("Logged", logged_rows(about), ()),
        ("Not recorded", _problems(about), ()),
        ("History", _history(about, now), ()),
        ("Environment", environment_rows(mapping_of(about.get("environment"))), ()),
    ]
    parts = [_title(about, style)]
    for heading, rows, columns in sections:
        if rows:
            title = style.paint(heading, "heading") + "\n" if heading else ""
            parts.append(title + _block(rows, columns, width, style))
    parts.append(_next_steps(about, width, style))
    return "\n".join(parts)


def _history(about: Mapping[str, Any], now: float) -> list[list[Cell]]:
    """What was said of the run, oldest first; a note with its text."""
    rows = []
    for edit in mappings_of(about.get("history")):
        words = [f"{sign}{text_of(tag)}" for sign, key in _SIGNS for tag in list_of(edit.get(key))]
        words += [_said(key, edit[key]) for key in _SAID if key in edit]
        words += ["a note removed"] * bool(edit.get("remove_notes"))
        at = edit.get("at")
        when = time_text(at, now) if isinstance(at, str) else ""
        rows.append([Cell(when, "faint"), Cell(text_of(edit.get("by")).partition(" <")[0]), Cell(", ".join(words))])
    return [*rows, *([Cell("-", "faint"), Cell(""), Cell(text_of(text))] for text in list_of(about.get("passed_over")))]


def _said(key: str, value: Any) -> str:
    return f"{key} {text_of(value)}" if isinstance(value, str) and value else key if value else f"no {key}"


_SIGNS = (("+", "add_tags"), ("-", "remove_tags"))
_SAID = ("title", "group", "note", "star", "archive")


def _problems(about: Mapping[str, Any]) -> list[list[Cell]]:
    problems = list_of(about.get("problems"))
    rows = [[Cell("-"), Cell(text_of(text))] for text in problems[:MANY]]
    return [*rows, [Cell("-"), Cell(f"and {len(problems) - MANY:,} more", "faint")]] if problems[MANY:] else rows


def _title(about: Mapping[str, Any], style: Style) -> str:
    status, ending = text_of(about.get("status")), ending_text(about)
    if ending and (ending != "exit 0" or contradicts(about)):
        status += f" ({ending})"
    name = style.paint(text_of(about.get("name")), "heading")
    return f"{name}  {style.paint(status, ink_of_status(str(about.get('status'))))}\n"


def _facts(about: Mapping[str, Any], now: float) -> list[list[Cell]]:
    command = [word for word in list_of(about.get("command")) if isinstance(word, str)]
    started, duration, base = about.get("started_at"), about.get("duration"), about.get("base")
    finished = about.get("finished_at")
    where = [f"{about[key]}" for key in ("user", "host") if isinstance(about.get(key), str)]
    facts: dict[str, str | list[str]] = {
        "problem": text_of(about.get("problem")),
        "title": text_of(about.get("title")),
        "command": command_text(command, _LONGEST),
        "folder": text_of(about.get("cwd")) if about.get("cwd") != "." else "",
        "started": time_text(started, now) if isinstance(started, str) else "",
        "took": duration_text(duration) if is_number(duration) and duration is not None else "",
        "ended": time_text(finished, now) if isinstance(finished, str) and duration is None else "",
        "base": _base(base, about.get("branch")) if base or about.get("branch") else "",
        "changes": _changes(about) if base or about.get("changes") or about.get("snapshot") is False else "",
        "left out": _skipped(about.get("skipped")),
        "submodules": some([_submodule(item) for item in mappings_of(about.get("submodules"))], ", "),
        "by": text_of("@".join(where)) + (" (not made here)" if about.get("own") is False else ""),
        "group": text_of(about.get("group")),
        "tags": some([text_of(tag) for tag in list_of(about.get("tags"))], ", "),
        **{f"note {i}" if i > 1 else "note": _lines(n) for i, n in enumerate(list_of(about.get("notes")), 1)},
        "from": text_of(about.get("parent_run")),
        "remote": text_of(mapping_of(about.get("git")).get("remote")),
        "commit": text_of(about.get("commit")),
        "id": text_of(about.get("id")),
        "recorder": _recorder(about),
    }
    return [
        [Cell("" if number else key, "faint"), Cell(line, "bad" if key == "problem" else "")]
        for key, text in facts.items()
        if text
        for number, line in enumerate(text if isinstance(text, list) else [text])
    ]


def _lines(note: Any) -> list[str]:
    """A note as it was written, line by line; the first of them."""
    lines = note.split("\n") if isinstance(note, str) else [note]
    more = [f"… {len(lines) - _NOTE_LINES:,} more lines"] if len(lines) > _NOTE_LINES else []
    return [*(text_of(line) for line in lines[:_NOTE_LINES]), *more]


def _recorder(about: Mapping[str, Any]) -> str:
    """The programs that wrote it."""
    versions = {"gitxp": about.get("gitxp_version"), "git": mapping_of(about.get("git")).get("version")}
    return ", ".join(f"{name} {text_of(version)}" for name, version in versions.items() if version)


def _base(base: Any, branch: Any) -> str:
    commit = text_of(base)[:_SHORT_OID] or "no commit yet"
    return f"{commit} on {text_of(branch)}" if branch else f"{commit} (no branch)"


def _changes(about: Mapping[str, Any]) -> str:
    if about.get("snapshot") is False:
        return "not recorded (--no-snapshot)"
    changes = mapping_of(about.get("changes"))
    kinds = [kind for kind in ("modified", "added", "deleted", "untracked") if changes.get(kind)]
    if kinds:
        return ", ".join(f"{text_of(changes[kind])} {kind}" for kind in kinds)
    return "uncommitted changes" if about.get("dirty") else "none"


def _skipped(skipped: Any) -> str:
    """Why how many files are not in the snapshot, and the first of them."""
    by_reason: dict[str, list[str]] = {}
    for item in mappings_of(skipped):
        by_reason.setdefault(text_of(item.get("reason")), []).append(text_of(item.get("path")))
    return some(
        [f"{some_of(paths, 3)} ({reason})" for reason, paths in by_reason.items()],
        "; ",
    )


def _submodule(item: Mapping[str, Any]) -> str:
    dirty = " (with changes that are not in the snapshot)" if item.get("dirty") else ""
    return f"{text_of(item.get('path'))} at {text_of(item.get('commit'))[:_SHORT_OID]}{dirty}"


def _params(about: Mapping[str, Any], most: int) -> list[list[Cell]]:
    """The parameters: what was given first, then configurations, defaults and constants."""
    params, sources = mapping_of(about.get("params")), mapping_of(about.get("param_sources"))
    origins = {name: text_of(sources.get(name)) for name in params}
    names = sorted(params, key=lambda name: (source_rank(origins[name]), by_number(name)))
    rows = [
        [Cell(text_of(name)), Cell(text_of(params[name])), Cell(source_text(origins[name]), "faint")]
        for name in names[:most]
    ]
    return [*rows, [Cell(f"and {len(names) - most:,} more", "faint"), Cell(""), Cell("")]] if names[most:] else rows


def _summary(about: Mapping[str, Any]) -> list[list[Cell]]:
    """What the program said in the end that is no number."""
    items = list(mapping_of(about.get("summary")).items())
    rows = [[Cell(text_of(name)), Cell(text_of(value))] for name, value in items[:MANY]]
    return [*rows, [Cell(f"and {len(items) - MANY:,} more", "faint"), Cell("")]] if items[MANY:] else rows


def _metrics(about: Mapping[str, Any]) -> list[list[Cell]]:
    metrics = mapping_of(about.get("metrics"))
    names = [name for name in sorted(metrics) if isinstance(metrics[name], dict) and not name.startswith(SYSTEM_PREFIX)]
    columns = [[text_of(metrics[name].get(key)) for name in names] for key in ("last", "min", "max", "count")]
    return [
        [Cell(text_of(name)), *(Cell(text) for text in texts)]
        for name, texts in zip(names, zip(*columns, strict=True), strict=True)
    ]


def _system(about: Mapping[str, Any]) -> list[list[Cell]]:
    """What was measured of the machine, each in its unit."""
    metrics = mapping_of(about.get("metrics"))
    rows = []
    for name in sorted(metrics):
        summary = metrics[name]
        if isinstance(summary, dict) and name.startswith(SYSTEM_PREFIX):
            short = name.removeprefix(SYSTEM_PREFIX)
            texts = [_in_unit(short.rpartition("/")[2], summary.get(key)) for key in ("last", "min", "max")]
            rows.append([Cell(text_of(text)) for text in (short, *texts, summary.get("count"))])
    return rows


def _in_unit(kind: str, value: Any) -> str:
    unit = _UNITS.get(kind)
    if unit is None or not is_number(value) or not math.isfinite(value):
        return text_of(value)
    return size_text(value) if unit == "B" else f"{value:.4g} {unit}"


def _next_steps(about: Mapping[str, Any], width: int | None, style: Style) -> str:
    """What to type next; on a narrow terminal without what it is good for."""
    name = text_of(about.get("name"))
    artifact = [Cell(f"git show experiments/{name}:.gitxp/artifacts/PATH"), Cell("an output that is stored", "faint")]
    large = [Cell(f"gitxp pull --large {name}"), Cell("large files that are not here", "faint")]
    steps = [
        [Cell(f"gitxp logs {name}"), Cell("what it printed", "faint")],
        [Cell(f"git show experiments/{name}:PATH"), Cell("a file as it was when it ran", "faint")],
        *([artifact] if has_artifacts(about) else []),
        *([large] if lacks_content(about) else []),
        [Cell(f"gitxp tree {name}"), Cell("what it grew out of, and what came of it", "faint")],
    ]
    if width is not None and len(_INDENT) + sum(_widths(steps)) + GAP > width:
        steps = [row[:1] for row in steps]
    return style.paint("Next", "heading") + "\n" + _block(steps, (), None, style)


def _block(rows: Sequence[Sequence[Cell]], headings: Sequence[str], width: int | None, style: Style) -> str:
    """An indented table that fits: of names the end is kept, facts are wrapped, and the last columns of numbers go."""
    if headings:
        rows, headings = _numbers(rows, headings, width)
    elif width is not None:
        rows = _squeezed(rows, width - len(_INDENT))
    else:
        rows = [[Cell(shorten(row[0].text, _WIDEST_NAME), row[0].ink), *row[1:]] for row in rows]
    right = [bool(headings) and i > 0 for i in range(len(rows[0]))]
    table = text_table(headings, rows, right=right, style=style)
    return "".join(f"{_INDENT}{line}\n" for line in table.splitlines())


def _numbers(
    rows: Sequence[Sequence[Cell]], headings: Sequence[str], width: int | None
) -> tuple[list[list[Cell]], Sequence[str]]:
    """Names and numbers: a number that was cut would lie, so that it stays or goes."""
    room = _WIDEST_NAME
    if width is not None:
        widths = _widths([[Cell(text) for text in headings], *rows])
        count = len(headings)
        while count > 2 and len(_INDENT) + sum(widths[1:count]) + GAP * (count - 1) > width - _LEAST:
            count -= 1
        headings, rows = headings[:count], [row[:count] for row in rows]
        room = max(_LEAST, width - len(_INDENT) - sum(widths[1:count]) - GAP * (count - 1))
    return [[Cell(shorten(row[0].text, room, keep_end=True), row[0].ink), *row[1:]] for row in rows], headings


def _squeezed(rows: Sequence[Sequence[Cell]], width: int) -> list[list[Cell]]:
    """The rows with all but their first cell wrapped, so that nothing of a command is lost."""
    widths = _widths(rows)
    room = width - GAP * (len(widths) - 1)
    if sum(widths) > room:
        most = [width // 2, width, *(width // 3 for _ in widths[2:])]
        ranks = [0, len(widths), *range(1, len(widths) - 1)]  # the second has what the others leave
        shortest = [max(1, room // len(widths))] * len(widths)
        widths = fit(list(map(min, widths, most)), shortest, ranks, width, gap=GAP, drop=False)
    squeezed: list[list[Cell]] = []
    for row in rows:
        columns = [[shorten(row[0].text, widths[0])]]
        columns += [list(wrap(cell.text, max(1, w))) for cell, w in zip(row[1:], widths[1:], strict=True)]
        squeezed += [
            [Cell(text, cell.ink) for text, cell in zip(texts, row, strict=True)]
            for texts in zip_longest(*columns, fillvalue="")
        ]
    return squeezed


def _widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(width_of(row[i].text) for row in rows) for i in range(len(rows[0]))]
