"""The files on a run's page: data that it was given, outputs that it left, and what its program logged as artifacts."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from gitxp.render.table import Cell
from gitxp.render.untyped import MANY, mappings_of, text_of
from gitxp.render.words import count_text, is_number, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHORT_DIGEST = 10
# What a `source` means of outputs; what was named is no remark.
_WRITTEN = {"opened": "written", "scan": "changed while it ran", "api": "logged"}


def data_rows(about: Mapping[str, Any]) -> list[list[Cell]]:
    """A row for each entry of the data: path, size, digest, and what else there is to say."""
    return _rows(mappings_of(about.get("data")), {})


def large_rows(about: Mapping[str, Any]) -> list[list[Cell]]:
    """A row for each untracked file of the snapshot that is a pointer, with whether its content is here."""
    return _rows(mappings_of(about.get("large")), {})


def output_rows(about: Mapping[str, Any]) -> list[list[Cell]]:
    """A row for each output that the program did not log under a name."""
    return _rows([item for item in mappings_of(about.get("outputs")) if not item.get("key")], _WRITTEN)


def logged_rows(about: Mapping[str, Any]) -> list[list[Cell]]:
    """A row for each name that the program logged artifacts under: type, how many at which steps, size, remarks."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for item in mappings_of(about.get("outputs")):
        if item.get("key"):
            groups.setdefault((text_of(item["key"]), text_of(item.get("type"))), []).append(item)
    rows = [
        [Cell(key), Cell(kind), Cell(_size(sum(map(_number, items)))), Cell(_logged(items))]
        for (key, kind), items in list(groups.items())[:MANY]
    ]
    return _with_more(rows, len(groups))


def has_artifacts(about: Mapping[str, Any]) -> bool:
    """Whether an output is stored with the run."""
    return any(item.get("stored") is True for item in mappings_of(about.get("outputs")))


def lacks_content(about: Mapping[str, Any]) -> bool:
    """Whether the content of a large file is not in this clone."""
    return any(item.get("here") is False for key in ("large", "outputs") for item in mappings_of(about.get(key)))


def _rows(items: Sequence[Mapping[str, Any]], sources: Mapping[str, str]) -> list[list[Cell]]:
    rows = [
        [
            Cell(text_of(item.get("path"))),
            Cell(_size(item.get("size"))),
            Cell(text_of(item.get("xxh3_128"))[:_SHORT_DIGEST]),
            Cell(", ".join(_remarks(item, sources))),
        ]
        for item in items[:MANY]
    ]
    return _with_more(rows, len(items))


def _with_more(rows: list[list[Cell]], count: int) -> list[list[Cell]]:
    more = [[Cell(f"and {count - MANY:,} more", "faint"), Cell(""), Cell(""), Cell("")]]
    return rows + more if count > MANY else rows


def _remarks(item: Mapping[str, Any], sources: Mapping[str, str]) -> list[str]:
    files, kind, stored = item.get("files"), item.get("kind"), item.get("stored")
    return [
        *([count_text(int(files or 0), "file")] if is_number(files) else []),
        *([text_of(kind)] if kind not in (None, "file", "folder") else []),
        *([f"{text_of(item['unreadable'])} not readable"] if item.get("unreadable") else []),
        *(["changed while it was read"] if item.get("changed") else []),
        *([f"a link to {text_of(item['link'])}"] if item.get("link") else []),
        *([text_of(item["type"])] if item.get("type") else []),
        *([f"step {text_of(item['step'])}"] if "step" in item else []),
        *([f"of {text_of(item['modified'])}"] if item.get("modified") else []),
        *([f"DVC {text_of(item['dvc_md5'])[:_SHORT_DIGEST]}"] if item.get("dvc_md5") else []),
        *([f"LFS {_lfs(text_of(item['lfs_oid']))}"] if item.get("lfs_oid") else []),
        *(["here" if item["here"] else "not here"] if "here" in item else []),
        *([sources.get(text_of(item["source"]), text_of(item["source"]))] if item.get("source") else []),
        *(["stored"] if stored is True else [text_of(stored)] if isinstance(stored, str) else []),
        *([f"as {text_of(item['artifact'])}"] if item.get("artifact") else []),
        *([_not_stored(item)] if stored is False else []),
    ]


def _lfs(oid: str) -> str:
    return oid.removeprefix("sha256:")[:_SHORT_DIGEST]


def _not_stored(item: Mapping[str, Any]) -> str:
    return f"not stored: {text_of(item['reason'])}" if item.get("reason") else "not stored"


def _logged(items: Sequence[Mapping[str, Any]]) -> str:
    steps = [_number(item, "step") for item in items if is_number(item.get("step"))]
    missing = [item for item in items if item.get("stored") is False]
    remarks = [count_text(len(items), "file")]
    if steps:
        first, last = text_of(min(steps)), text_of(max(steps))
        remarks.append(f"step {first}" if first == last else f"steps {first} to {last}")
    if missing:
        remarks.append(_not_stored(missing[0]) if len(items) == 1 else f"{len(missing):,} not stored")
    return ", ".join([*remarks, *([f"at {place}"] if (place := _place(items)) else [])])


def _place(items: Sequence[Mapping[str, Any]]) -> str:
    """The path of one file, or the folder that several have in common."""
    paths = [item["path"] for item in items if isinstance(item.get("path"), str)]
    if len(paths) < 2:
        return text_of(paths[0]) if paths else ""
    parts = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    folder = [same[0] for same in takewhile(lambda each: len(set(each)) == 1, parts)]
    return text_of("/".join(folder)) + "/" if folder else ""


def _size(size: Any) -> str:
    return size_text(size) if is_number(size) and size is not None else ""


def _number(item: Mapping[str, Any], key: str = "size") -> float:
    value = item.get(key)
    return value if isinstance(value, (int, float)) else 0
