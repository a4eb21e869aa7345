"""What the doctor found, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import wrap
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.render.style import Style

_INKS = {"error": "bad", "warning": "odd", "note": "faint"}


def render_findings(findings: Sequence[Any], *, width: int | None, style: Style) -> str:
    """A paragraph for each finding: how grave it is, its id, what it is; then the remedy."""
    lines = []
    for one in findings:
        head = f"{one.severity}: "
        state = " Mended." if one.fixed else ""
        said = f"{visible(one.what)}{state} [{one.id}]"
        ink = "good" if one.fixed else _INKS[one.severity]
        first, *rest = _wrapped(said, width, len(head))
        lines.append(f"{style.paint(head, ink)}{first}")
        lines += [f"  {line}" for line in rest]
        if one.remedy and not one.fixed:
            hint = f"{visible(one.remedy)}{' (or --fix)' if one.fixable else ''}"
            lines += [f"  {'→ ' if not number else '  '}{line}" for number, line in enumerate(_wrapped(hint, width, 4))]
    return "".join(f"{line}\n" for line in lines)


def _wrapped(text: str, width: int | None, taken: int) -> list[str]:
    return list(wrap(text, None if width is None else max(20, width - taken)))
