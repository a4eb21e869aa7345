"""One run on one page: how it ended, what it was given, what came of it, and what to type next.

A page is built from the object that `gitxp show --json` prints. Records come from strangers, too: a part that has not
the form that docs/format.md gives to it is left out here (`--json` has it as it is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import shorten, width_of
from gitxp.render.safe import visible
from gitxp.render.style import Style, ink_of_status
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import (
    command_text,
    count_text,
    duration_text,
    is_number,
    size_text,
    time_text,
    value_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHORT_OID = 10
_MANY = 20  # files of one kind that a page names; the others are counted
_INDENT = "  "


def render_page(about: Mapping[str, Any], *, width: int | None, now: float, style: Style | None = None) -> str:
    """The page of a run, from what `Repo.show` gave; ages are counted from `now` (unix time)."""
    style = style or Style()
    sections = [
        ("", _facts(about, now), ()),
        ("Parameters", _params(about), ()),
        ("Metrics", _metrics(about), ("", "last", "min", "max", "points")),
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
    parts.append(_next_steps(about, style))
    return "\n".join(parts)


def _problems(about: Mapping[str, Any]) -> list[list[Cell]]:
    return [[Cell("-"), Cell(value_text(text))] for text in _list(about.get("problems"))]


def _title(about: Mapping[str, Any], style: Style) -> str:
    status = value_text(about.get("status"))
    if is_number(about.get("signal")):
        status += f" (signal {about['signal']})"
    elif about.get("exit_code"):
        status += f" (exit {value_text(about['exit_code'])})"
    name = style.paint(value_text(about.get("name")), "heading")
    return f"{name}  {style.paint(status, ink_of_status(str(about.get('status'))))}\n"


def _facts(about: Mapping[str, Any], now: float) -> list[list[Cell]]:
    command = [word for word in _list(about.get("command")) if isinstance(word, str)]
    started, duration, base = about.get("started_at"), about.get("duration"), about.get("base")
    where = [f"{about[key]}" for key in ("user", "host") if isinstance(about.get(key), str)]
    facts = {
        "problem": value_text(about.get("problem")),
        "command": command_text(command),
        "folder": value_text(about.get("cwd")) if about.get("cwd") != "." else "",
        "started": time_text(started, now) if isinstance(started, str) else "",
        "took": duration_text(duration) if is_number(duration) and duration is not None else "",
        "base": _base(base, about.get("branch")) if base or about.get("branch") else "",
        "changes": _changes(about) if base else "",
        "left out": _skipped(about.get("skipped")),
        "submodules": ", ".join(_submodule(item) for item in _mappings(about.get("submodules"))),
        "by": visible("@".join(where)),
        "group": value_text(about.get("group")),
        "tags": ", ".join(map(value_text, _list(about.get("tags")))),
        **{f"note {i}" if i > 1 else "note": value_text(n) for i, n in enumerate(_list(about.get("notes")), 1)},
        "commit": value_text(about.get("commit")),
        "id": value_text(about.get("id")),
    }
    return [[Cell(key, "faint"), Cell(text, "bad" if key == "problem" else "")] for key, text in facts.items() if text]


def _base(base: Any, branch: Any) -> str:
    commit = value_text(base)[:_SHORT_OID] or "no commit yet"
    return f"{commit} on {value_text(branch)}" if branch else f"{commit} (no branch)"


def _changes(about: Mapping[str, Any]) -> str:
    if about.get("snapshot") is False:
        return "not recorded (--no-snapshot)"
    changes = _mapping(about.get("changes"))
    kinds = [kind for kind in ("modified", "added", "deleted", "untracked") if changes.get(kind)]
    if kinds:
        return ", ".join(f"{value_text(changes[kind])} {kind}" for kind in kinds)
    return "uncommitted changes" if about.get("dirty") else "none"


def _skipped(skipped: Any) -> str:
    """Why how many files are not in the snapshot, and the first of them."""
    by_reason: dict[str, list[str]] = {}
    for item in _mappings(skipped):
        by_reason.setdefault(value_text(item.get("reason")), []).append(value_text(item.get("path")))
    return "; ".join(
        f"{', '.join(paths[:3])}{f' and {len(paths) - 3:,} more' if len(paths) > 3 else ''} ({reason})"
        for reason, paths in by_reason.items()
    )


def _submodule(item: Mapping[str, Any]) -> str:
    dirty = " (with changes that are not in the snapshot)" if item.get("dirty") else ""
    return f"{value_text(item.get('path'))} at {value_text(item.get('commit'))[:_SHORT_OID]}{dirty}"


def _params(about: Mapping[str, Any]) -> list[list[Cell]]:
    params, sources = _mapping(about.get("params")), _mapping(about.get("param_sources"))
    return [
        [Cell(visible(name)), Cell(value_text(params[name])), Cell(value_text(sources.get(name)), "faint")]
        for name in sorted(params)
    ]


def _metrics(about: Mapping[str, Any]) -> list[list[Cell]]:
    metrics = _mapping(about.get("metrics"))
    names = [name for name in sorted(metrics) if isinstance(metrics[name], dict)]
    columns = [[value_text(metrics[name].get(key)) for name in names] for key in ("last", "min", "max", "count")]
    return [
        [Cell(visible(name)), *(Cell(text) for text in texts)]
        for name, texts in zip(names, zip(*columns, strict=True), strict=True)
    ]


def _files(about: Mapping[str, Any], key: str) -> list[list[Cell]]:
    items = _mappings(about.get(key))
    rows = [[Cell(value_text(item.get("path"))), *map(Cell, _file_facts(item))] for item in items[:_MANY]]
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
    if item.get("stored") is False:
        remarks.append("not stored")
    elif isinstance(item.get("stored"), str):
        remarks.append(value_text(item["stored"]))
    digest = value_text(item.get("xxh3_128"))[:_SHORT_OID]
    return (size_text(size) if is_number(size) and size is not None else "", digest, ", ".join(remarks))


def _environment(environment: Mapping[str, Any]) -> list[list[Cell]]:
    python, system, cpu = (_mapping(environment.get(key)) for key in ("python", "os", "cpu"))
    packages, memory = _mapping(environment.get("packages")), environment.get("memory")
    machine = [
        value_text(cpu.get("model")),
        f"{value_text(cpu['cores'])} cores" if cpu.get("cores") else "",
        f"{size_text(memory)} of memory" if is_number(memory) and memory is not None else "",
    ]
    facts = {
        "python": _joined([python.get("implementation"), python.get("version")]),
        "at": value_text(python.get("executable")),
        "packages": f"{len(packages):,}" if packages else "",
        "system": _joined([system.get(key) for key in ("distribution", "system", "release", "machine")]),
        "machine": ", ".join(text for text in machine if text),
    }
    return [[Cell(key, "faint"), Cell(text)] for key, text in facts.items() if text]


def _next_steps(about: Mapping[str, Any], style: Style) -> str:
    name = value_text(about.get("name"))
    steps = [
        [Cell(f"gitxp logs {name}"), Cell("what it printed", "faint")],
        [Cell(f"git show experiments/{name}:PATH"), Cell("a file as it was when it ran", "faint")],
        [Cell(f"gitxp diff {name} @"), Cell("what differs from the newest run", "faint")],
    ]
    return style.paint("Next", "heading") + "\n" + _block(steps, (), None, style)


def _block(rows: Sequence[Sequence[Cell]], headings: Sequence[str], width: int | None, style: Style) -> str:
    """An indented table whose last wide column gives way where it would not fit."""
    right = [bool(headings) and i > 0 for i in range(len(rows[0]))]
    if width is not None and not headings:
        rows = _squeezed(rows, width - len(_INDENT))
    table = text_table(headings, rows, right=right, style=style)
    return "".join(f"{_INDENT}{line}\n" for line in table.splitlines())


def _squeezed(rows: Sequence[Sequence[Cell]], width: int) -> list[list[Cell]]:
    """The rows with their second column wrapped where facts are long, so that nothing of a command is lost."""
    widths = [max(width_of(row[i].text) for row in rows) for i in range(len(rows[0]))]
    rest = [w + GAP for w in widths[2:] if w]
    room = max(16, width - min(widths[0], width // 2) - GAP - sum(rest))
    squeezed: list[list[Cell]] = []
    for row in rows:
        first, *others = (Cell(shorten(row[0].text, max(16, width // 2)), row[0].ink), *row[1:])
        lines = list(_wrapped(others[0].text, room)) or [""]
        squeezed.append([first, Cell(lines[0], others[0].ink), *others[1:]])
        squeezed += [[Cell(""), Cell(line, others[0].ink), *(Cell("") for _ in others[1:])] for line in lines[1:]]
    return squeezed


def _wrapped(text: str, width: int) -> Iterable[str]:
    """Pieces of the text, each at most `width` columns, cut at spaces where there are some."""
    while width_of(text) > width:
        piece = shorten(text, width + 1)[:-1]
        cut = piece.rfind(" ")
        if text[len(piece) : len(piece) + 1] != " " and cut > 0:
            piece = piece[:cut]
        yield piece.rstrip()
        text = text[len(piece) :].lstrip(" ")
    if text:
        yield text


def _joined(values: Iterable[Any]) -> str:
    return " ".join(value_text(value) for value in values if value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
