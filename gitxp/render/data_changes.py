"""The data, or the outputs, of two runs: a row for each entry that differs, then the files of folders by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import shorten
from gitxp.render.safe import visible
from gitxp.render.side_by_side import WIDEST, pair_cells, pair_table
from gitxp.render.table import Cell
from gitxp.render.words import count_text, is_number, size_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitxp.model import Comparison, FolderChange
    from gitxp.render.style import Style

# Of one kind; the others are counted.
_MOST, _MOST_PIPED = 20, 10_000
_SHORT_DIGEST = 10
_BESIDE = len("  changed  ")
_INKS = {"changed": "odd", "added": "good", "removed": "bad", "moved": "faint"}


def render_data(comparison: Comparison, *, width: int | None, style: Style) -> str:
    """The data that differ; what only moved, and the files of folders, on lines below."""
    most = _MOST_PIPED if width is None else _MOST
    aside = {*comparison.data_moved, *comparison.data_moved.values()}
    aside.update(path for change in comparison.data_files.values() for path in change.singles)
    pairs = {path: pair for path, pair in comparison.data.items() if path not in aside}
    parts = [_table(comparison, pairs, most, width, style)] if pairs else []
    if comparison.data_moved:
        parts.append("".join(_moves(comparison.data_moved, most, width)))
    for path, pair in list(pairs.items())[:most]:
        if change := comparison.data_files.get(path):
            opened = [bool(value) and value.get("source") == "opened" for value in pair]
            known = [run.name for run, is_opened in zip((comparison.a, comparison.b), opened, strict=True) if is_opened]
            # where one run names the whole folder, a file that the other did not open may be there all the same
            only = known[0] if len(known) == 1 and None not in pair else ""
            parts.append("".join(_folder(path, change, only, most, width, style)))
        elif all(value and value.get("kind") == "folder" and value.get("xxh3_128") for value in pair):
            parts.append(_fitting(f"{_short(path)}: not both runs have a list of its files", width) + "\n")
    return "\n".join(parts)


def render_outputs(comparison: Comparison, *, width: int | None, style: Style) -> str:
    """The outputs that differ."""
    return _table(comparison, comparison.outputs, _MOST_PIPED if width is None else _MOST, width, style)


def _table(
    comparison: Comparison, pairs: Mapping[str, tuple[Any, Any]], most: int, width: int | None, style: Style
) -> str:
    shown = list(pairs.items())[:most]
    rows = [
        [Cell(visible(path)), *pair_cells(pair, [fingerprint_text(value) for value in pair])] for path, pair in shown
    ]
    if len(pairs) > most:
        rows.append([Cell(f"and {len(pairs) - most:,} more", "faint"), Cell(""), Cell("")])
    return pair_table(comparison.runs, rows, width=width, style=style)


def fingerprint_text(value: Any) -> str:
    """A fingerprint in brief: size, number of files, the beginning of the digest, or what there is instead."""
    if not isinstance(value, dict):
        return value_text(value)
    size, files, digest = value.get("size"), value.get("files"), value.get("xxh3_128")
    # of a file outside of the working tree the time has to do; of others git-lfs or DVC may know the hash
    instead = [f"{name} {value_text(value[key])[:_TO_THE_SECOND]}" for key, name in _INSTEAD.items() if value.get(key)]
    facts = [
        size_text(size) if is_number(size) and size is not None else "",
        f"{count_text(int(files or 0), 'file')}{' opened' if value.get('source') == 'opened' else ''}"
        if is_number(files)
        else "",
        value_text(digest)[:_SHORT_DIGEST] if digest else ", ".join(instead),
        "missing" if value.get("kind") == "missing" else "",
        f"a link to {value_text(value['link'])}" if value.get("link") else "",
    ]
    return ", ".join(fact for fact in facts if fact)


_TO_THE_SECOND = len("2026-01-02T03:04:05")
_INSTEAD = {"modified": "of", "dvc_md5": "DVC", "lfs_oid": "LFS"}


def _folder(path: str, change: FolderChange, only: str, most: int, width: int | None, style: Style) -> Iterator[str]:
    """The files of a folder; of the run `only`, if any, no more than what its program opened is known."""
    files = {kind: [visible(path) for path in getattr(change, kind)] for kind in ("changed", "added", "removed")}
    if change.moved:
        files["moved"] = [f"{visible(old)} → {visible(new)}" for old, new in change.moved]
    counts = ", ".join(f"{len(paths):,} {what}" for what, paths in files.items() if paths)
    yield _fitting(f"{_short(path)}: {counts or 'no file differs'}", width) + "\n"
    if only:
        line = f"  Of {visible(only)} only the files that its program opened are known."
        yield shorten(line, width) + "\n"
    share = most // len(files)
    room = most - sum(min(share, len(paths)) for paths in files.values())
    for what, paths in files.items():
        count = min(len(paths), share + room)
        room -= max(0, count - share)
        for file in paths[:count]:
            yield f"{style.paint(f'  {what:7}  ', _INKS[what])}{_fitting(file, width, _BESIDE)}\n"
    total = sum(map(len, files.values()))
    if total > most:
        line = f"  … and {total - most:,} more (--json has all of them)"
        yield shorten(line, width) + "\n"


def _moves(moved: Mapping[str, str], most: int, width: int | None) -> Iterator[str]:
    for old, new in list(moved.items())[:most]:
        yield f"moved: {_fitting(f'{_short(old)} → {_short(new)}', width, len('moved: '))}\n"
    if len(moved) > most:
        yield f"… and {len(moved) - most:,} more moved\n"


def _short(path: str) -> str:
    return shorten(visible(path), WIDEST, keep_end=True)


def _fitting(line: str, width: int | None, beside: int = 0) -> str:
    """The line, or as much of its end as there is room for beside so many columns."""
    return shorten(line, WIDEST if width is None else max(1, width - beside), keep_end=True)
