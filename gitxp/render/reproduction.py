"""What a rerun gave against what the run gave: an object for programs, and a table of it for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.format import encode_number
from gitxp.render.safe import visible
from gitxp.render.table import Cell, text_table
from gitxp.render.untyped import text_of
from gitxp.render.words import is_number, pair_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitxp.render.style import Style

_INKS = {
    "equal": "good",
    "within": "good",
    "different": "bad",
    "missing": "bad",
    "unknown": "odd",
    "metrics": "faint",
    "ignored": "faint",
    "new": "odd",
    "noted": "odd",
}
_WORDS = {"within": "within tolerance", "metrics": "as its metrics", "noted": "another number"}
_SHORT = 10
_DIGEST = 32


def as_object(run: str, rerun: str, findings: Iterable[Any], *, reproduced: bool) -> dict[str, Any]:
    """The object of `gitxp reproduce --json`; a finding has `kind`, `name`, `verdict`, `a` and `b`."""
    found = []
    for finding in findings:
        values = {"a": finding.a, "b": finding.b}
        known = {key: _plain(value) for key, value in values.items() if value is not None}
        found.append({"kind": finding.kind, "name": finding.name, "verdict": finding.verdict, **known})
    return {"run": run, "rerun": rerun, "reproduced": reproduced, "findings": found}


def render_reproduction(about: Mapping[str, Any], *, style: Style | None = None) -> str:
    """The table of such an object, and the verdict below it."""
    findings: Sequence[Mapping[str, Any]] = about["findings"]
    rows = []
    for finding in findings:
        a, b = _texts(finding.get("a"), finding.get("b"))
        verdict = finding["verdict"]
        rows.append(
            [
                Cell(finding["kind"], "faint"),
                Cell(text_of(finding["name"])),
                Cell(a),
                Cell(b),
                Cell(_WORDS.get(verdict, verdict), _INKS[verdict]),
            ]
        )
    headings = ("", "", visible(about["run"]), visible(about["rerun"]), "")
    table = text_table(headings, rows, right=(False,) * 5, style=style)
    said = "is reproduced" if about["reproduced"] else "is not reproduced"
    return f"{table}\n{visible(about['run'])} {said} by {visible(about['rerun'])}.\n"


def _plain(value: Any) -> Any:
    return encode_number(value) if isinstance(value, float) else value


def _texts(a: Any, b: Any) -> tuple[str, str]:
    if is_number(a) and is_number(b):
        one, other = pair_texts(a, b)
        return one, other
    return _text(a), _text(b)


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = text_of(value)
    return text[:_SHORT] if len(text) == _DIGEST else text
