"""One run on one page: how it ended, what it was given, what came of it, and what to type next.

A page is built from the object that `gitxp show --json` prints. Records come from strangers, too: a part that has not
the form that docs/format.md gives to it is left out here (`--json` has it as it is).
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from gitxp.format import SYSTEM_PREFIX, contradicts
from gitxp.render.measure import fit, shorten, width_of, wrap
from gitxp.render.style import Style, ink_of_status
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import (
    command_text,
    count_text,
    duration_text,
    ending_text,
    is_number,
    size_text,
    time_text,
    value_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHORT_OID = 10
_MANY = 20  # files or sentences of one kind that a page names; the others are counted
_LONGEST = 10_000  # characters of one value; --json has it whole
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
        ("Parameters", _params(about), ()),
        ("Metrics", _metrics(about), ("", "last", "min", "max", "points")),
        ("System", _system(about), ("", "last", "min", "max", "points")),
        ("Data", _files(about, "data"), ()),
        ("Outputs", _files(about, "outputs"), ()),
        ("Not recorded", _problems(about), ()),
        ("Environment", _environment(_mapping(about.get("environment"))), ()),
    ]
    parts = [_title(about, style)]
    for heading, rows, columns in sections:
        if rows:
            title = style.paint(heading, "heading") + "\n" if heading else ""
            parts.append(title + _block(rows, columns, width, style))
    parts.append(_next_steps(about, width, style))
    return "\n".join(parts)


def _problems(about: Mapping[str, Any]) -> list[list[Cell]]:
    problems = _list(about.get("problems"))
    rows = [[Cell("-"), Cell(_text(text))] for text in problems[:_MANY]]
    return [*rows, [Cell("-"), Cell(f"and {len(problems) - _MANY:,} more", "faint")]] if problems[_MANY:] else rows


def _title(about: Mapping[str, Any], style: Style) -> str:
    status, ending = _text(about.get("status")), ending_text(about)
    if ending and (ending != "exit 0" or contradicts(about)):
        status += f" ({ending})"
    name = style.paint(_text(about.get("name")), "heading")
    return f"{name}  {style.paint(status, ink_of_status(str(about.get('status'))))}\n"


def _facts(about: Mapping[str, Any], now: float) -> list[list[Cell]]:
    command = [word for word in _list(about.get("command")) if isinstance(word, str)]
    started, duration, base = about.get("started_at"), about.get("duration"), about.get("base")
    where = [f"{about[key]}" for key in ("user", "host") if isinstance(about.get(key), str)]
    facts = {
        "problem": _text(about.get("problem")),
        "command": command_text(command, _LONGEST),
        "folder": _text(about.get("cwd")) if about.get("cwd") != "." else "",
        "started": time_text(started, now) if isinstance(started, str) else "",
        "took": duration_text(duration) if is_number(duration) and duration is not None else "",
        "base": _base(base, about.get("branch")) if base or about.get("branch") else "",
        "changes": _changes(about) if base else "",
        "left out": _skipped(about.get("skipped")),
        "submodules": _some([_submodule(item) for item in _mappings(about.get("submodules"))], ", "),
        "by": _text("@".join(where)),
        "group": _text(about.get("group")),
        "tags": _some([_text(tag) for tag in _list(about.get("tags"))], ", "),
        **{f"note {i}" if i > 1 else "note": _text(n) for i, n in enumerate(_list(about.get("notes")), 1)},
        "commit": _text(about.get("commit")),
        "id": _text(about.get("id")),
    }
    return [[Cell(key, "faint"), Cell(text, "bad" if key == "problem" else "")] for key, text in facts.items() if text]


def _base(base: Any, branch: Any) -> str:
    commit = _text(base)[:_SHORT_OID] or "no commit yet"
    return f"{commit} on {_text(branch)}" if branch else f"{commit} (no branch)"


def _changes(about: Mapping[str, Any]) -> str:
    if about.get("snapshot") is False:
        return "not recorded (--no-snapshot)"
    changes = _mapping(about.get("changes"))
    kinds = [kind for kind in ("modified", "added", "deleted", "untracked") if changes.get(kind)]
    if kinds:
        return ", ".join(f"{_text(changes[kind])} {kind}" for kind in kinds)
    return "uncommitted changes" if about.get("dirty") else "none"


def _skipped(skipped: Any) -> str:
    """Why how many files are not in the snapshot, and the first of them."""
    by_reason: dict[str, list[str]] = {}
    for item in _mappings(skipped):
        by_reason.setdefault(_text(item.get("reason")), []).append(_text(item.get("path")))
    return _some(
        [
            f"{', '.join(paths[:3])}{f' and {len(paths) - 3:,} more' if len(paths) > 3 else ''} ({reason})"
            for reason, paths in by_reason.items()
        ],
        "; ",
    )


def _some(texts: Sequence[str], between: str) -> str:
    """The first of them, and how many there are besides."""
    more = [f"and {len(texts) - _MANY:,} more"] if len(texts) > _MANY else []
    return between.join([*texts[:_MANY], *more])


def _submodule(item: Mapping[str, Any]) -> str:
    dirty = " (with changes that are not in the snapshot)" if item.get("dirty") else ""
    return f"{_text(item.get('path'))} at {_text(item.get('commit'))[:_SHORT_OID]}{dirty}"


def _params(about: Mapping[str, Any]) -> list[list[Cell]]:
    params, sources = _mapping(about.get("params")), _mapping(about.get("param_sources"))
    return [
        [Cell(_text(name)), Cell(_text(params[name])), Cell(_text(sources.get(name)), "faint")]
        for name in sorted(params)
    ]


def _metrics(about: Mapping[str, Any]) -> list[list[Cell]]:
    metrics = _mapping(about.get("metrics"))
    names = [n for n in sorted(metrics) if isinstance(metrics[n], dict) and not n.startswith(SYSTEM_PREFIX)]
    columns = [[_text(metrics[name].get(key)) for name in names] for key in ("last", "min", "max", "count")]
    return [
        [Cell(_text(name)), *(Cell(text) for text in texts)]
        for name, texts in zip(names, zip(*columns, strict=True), strict=True)
    ]


def _system(about: Mapping[str, Any]) -> list[list[Cell]]:
    """What was measured of the machine, each in its unit."""
    metrics = _mapping(about.get("metrics"))
    rows = []
    for name in sorted(metrics):
        summary = metrics[name]
        if isinstance(summary, dict) and name.startswith(SYSTEM_PREFIX):
            short = name.removeprefix(SYSTEM_PREFIX)
            texts = [_in_unit(short.rpartition("/")[2], summary.get(key)) for key in ("last", "min", "max")]
            rows.append([Cell(_text(text)) for text in (short, *texts, summary.get("count"))])
    return rows


def _in_unit(kind: str, value: Any) -> str:
    unit = _UNITS.get(kind)
    if unit is None or not is_number(value) or not math.isfinite(value):
        return _text(value)
    return size_text(value) if unit == "B" else f"{value:.4g} {unit}"


def _files(about: Mapping[str, Any], key: str) -> list[list[Cell]]:
    items = _mappings(about.get(key))
    rows = [[Cell(_text(item.get("path"))), *map(Cell, _file_facts(item))] for item in items[:_MANY]]
    if len(items) > _MANY:
        rows.append([Cell(f"and {len(items) - _MANY:,} more", "faint"), Cell(""), Cell(""), Cell("")])
    return rows


def _file_facts(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """Size, digest, and what else there is to say of a file or folder."""
    size, files = item.get("size"), item.get("files")
    remarks = []
    if is_number(files):
        remarks.append(count_text(int(files or 0), "file"))
    if item.get("kind") == "missing":
        remarks.append("missing")
    if item.get("changed"):
        remarks.append("changed while it was read")
    if item.get("link"):
        remarks.append(f"a link to {_text(item['link'])}")
    if item.get("stored") is False:
        remarks.append(f"not stored: {_text(item['reason'])}" if item.get("reason") else "not stored")
    elif isinstance(item.get("stored"), str):
        remarks.append(_text(item["stored"]))
    digest = _text(item.get("xxh3_128"))[:_SHORT_OID]
    return (size_text(size) if is_number(size) and size is not None else "", digest, ", ".join(remarks))


def _environment(environment: Mapping[str, Any]) -> list[list[Cell]]:
    python, system, cpu = (_mapping(environment.get(key)) for key in ("python", "os", "cpu"))
    packages, memory = _mapping(environment.get("packages")), environment.get("memory")
    machine = [
        _text(cpu.get("model")),
        f"{_text(cpu['cores'])} cores" if cpu.get("cores") else "",
        f"{size_text(memory)} of memory" if is_number(memory) and memory is not None else "",
    ]
    facts = {
        "python": _joined([python.get("implementation"), python.get("version")]),
        "at": _text(python.get("executable")),
        "packages": f"{len(packages):,}" if packages else "",
        "system": _joined([system.get(key) for key in ("distribution", "system", "release", "machine")]),
        "machine": ", ".join(text for text in machine if text),
    }
    return [[Cell(key, "faint"), Cell(text)] for key, text in facts.items() if text]


def _next_steps(about: Mapping[str, Any], width: int | None, style: Style) -> str:
    """What to type next; on a narrow terminal without what it is good for."""
    name = _text(about.get("name"))
    steps = [
        [Cell(f"gitxp logs {name}"), Cell("what it printed", "faint")],
        [Cell(f"git show experiments/{name}:PATH"), Cell("a file as it was when it ran", "faint")],
        [Cell(f"gitxp diff {name} @"), Cell("what differs from the newest run", "faint")],
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


def _text(value: Any) -> str:
    return value_text(value, _LONGEST)


def _joined(values: Iterable[Any]) -> str:
    return " ".join(_text(value) for value in values if value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
