"""Where parameters are from, in words, and which of them tell more of a run; and how names are sorted."""

from __future__ import annotations

import re

_DEFAULTS = frozenset({"argparse", "click", "typer", "absl", "fire", "notebook"})  # whose values nobody gave
_GIVEN = frozenset({"option", "api", "argv", "env"})
GIVEN, CONFIGURED, DEFAULT, CONSTANT = range(4)


def source_rank(source: str | None) -> int:
    """`GIVEN` for this run, `CONFIGURED` in a file or by a library, `DEFAULT` of a parser or a notebook, or `CONSTANT` of the code."""
    if source in _GIVEN:
        return GIVEN
    if source == "constant":
        return CONSTANT
    return DEFAULT if source in _DEFAULTS else CONFIGURED


def source_text(source: str) -> str:
    """The source as people read it: `argv`, `argparse default`, `config:a.yaml`."""
    return f"{source} default" if source in _DEFAULTS else source


def by_number(name: str) -> list[tuple[int, str]]:
    """What names are sorted by, so that `layer2` comes before `layer10`."""
    parts = re.split(r"(\d{1,18})", name)
    return [(int(part), "") if number % 2 else (0, part) for number, part in enumerate(parts)]
