"""Two runs side by side: parameters, metrics, data, environment and outputs, and of each only what differs.

The code is not here: git shows that better than anyone (see `gitxp diff`). What `--json` says of it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.as_json import json_text
from gitxp.render.data_changes import render_data, render_outputs
from gitxp.render.documents import document_json
from gitxp.render.environment_changes import render_environment
from gitxp.render.notebooks import notebook_json
from gitxp.render.safe import visible
from gitxp.render.side_by_side import pair_cells, pair_table
from gitxp.render.style import Style
from gitxp.render.table import Cell
from gitxp.render.words import aligned, difference_of, pair_texts, value_text
from gitxp.sources import by_number, source_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from gitxp.model import Comparison, FileChange

# The sections in their order: the keys of `--json` and their headings.
SECTIONS = {
    "code": "Code",
    "params": "Parameters",
    "metrics": "Metrics",
    "data": "Data",
    "environment": "Environment",
    "outputs": "Outputs",
}
_ALWAYS = frozenset({"code", "params", "metrics", "data", "environment"})  # keys of `--json`, empty or not
_MORE_KEYS = {
    "command": "params",
    "data_files": "data",
    "data_moved": "data",
}  # keys of `--json`, and the section that each belongs to


def render_section(comparison: Comparison, section: str, *, width: int | None, style: Style | None = None) -> str:
    """One of the sections behind the code as a table with a heading; empty where nothing differs."""
    if not differs(comparison, section):
        return ""
    style = style or Style()
    return heading(section, style) + _RENDER[section](comparison, width=width, style=style)


def _params(comparison: Comparison, *, width: int | None, style: Style) -> str:
    """The parameters; where they are from, where that differs, too: a default and what was given in its place.

    Last what else differs in the command.
    """
    sources = [run.record.get("param_sources") or {} for run in (comparison.a, comparison.b)]
    rows = []
    for name, pair in sorted(comparison.params.items(), key=lambda item: by_number(item[0])):
        texts = pair_texts(*pair)
        origins = [source.get(name) for source in sources]
        if origins[0] != origins[1] and None not in pair:
            texts = [
                f"{text} ({source_text(value_text(origin))})" if origin else text
                for text, origin in zip(texts, origins, strict=True)
            ]
        rows.append([Cell(visible(name)), *pair_cells(pair, texts)])
    if comparison.command:
        rows.append([Cell("(command)", "faint"), *pair_cells(comparison.command, pair_texts(*comparison.command))])
    return pair_table(comparison.runs, rows, width=width, style=style)


def _metrics(comparison: Comparison, *, width: int | None, style: Style) -> str:
    pairs = sorted(comparison.metrics.items(), key=lambda item: by_number(item[0]))
    differences = aligned([difference_of(*pair) for _, pair in pairs])
    rows = [
        [Cell(visible(name)), *pair_cells(pair, pair_texts(*pair)), Cell(difference)]
        for (name, pair), difference in zip(pairs, differences, strict=True)
    ]
    return pair_table(comparison.runs, rows, width=width, style=style, more=["difference"], numbers=True)


def heading(section: str, style: Style) -> str:
    """The line above a section."""
    return style.paint(SECTIONS[section], "heading") + "\n"


def differs(comparison: Comparison, section: str) -> bool:
    """Whether the two runs differ in this section."""
    return bool(getattr(comparison, section) or (section == "params" and comparison.command))


def no_difference(comparison: Comparison, sections: Collection[str]) -> str:
    """The sentence for two runs that do not differ in these sections."""
    where = "" if len(sections) == len(SECTIONS) else f" in {' and '.join(SECTIONS[s].lower() for s in sections)}"
    read = " that can be read" if any(one.concerns(sections) for one in comparison.unread) else ""
    return f"No differences{read} between {visible(comparison.a.name)} and {visible(comparison.b.name)}{where}.\n"


def render_json(comparison: Comparison, sections: Collection[str]) -> str:
    """The sections as one JSON object; pairs are (in A, in B), null where one has none.

    The first five sections are there if they were asked for, whatever else there is only if it has something to say.
    """
    code = [_change(change) for change in comparison.code]
    every: dict[str, Any] = {section: dict(getattr(comparison, section)) for section in SECTIONS if section != "code"}
    every["code"] = code
    every["command"] = comparison.command
    every["data_files"] = {
        folder: {kind: getattr(change, kind) for kind in ("added", "removed", "changed", "moved")}
        for folder, change in comparison.data_files.items()
    }
    every["data_moved"] = dict(comparison.data_moved)
    belongs = {**dict.fromkeys(SECTIONS), **_MORE_KEYS}
    chosen = {
        key: every[key] for key, to in belongs.items() if (to or key) in sections and (every[key] or key in _ALWAYS)
    }
    problems = [one.to_json() for one in comparison.unread if one.concerns(sections)]
    return json_text(chosen | ({"problems": problems} if problems else {}))


def _change(change: FileChange) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "path": change.path,
        "status": change.status,
        "insertions": change.insertions,
        "deletions": change.deletions,
    }
    if change.old_path is not None:
        facts["old_path"] = change.old_path
    if change.document is not None:
        facts |= document_json(change.document)
    return facts if change.notebook is None else facts | notebook_json(change.notebook)


_RENDER: Mapping[str, Callable[..., str]] = {
    "params": _params,
    "metrics": _metrics,
    "data": render_data,
    "environment": render_environment,
    "outputs": render_outputs,
}
