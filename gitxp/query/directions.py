"""What people say of metrics: which way each is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.direction import Direction, parse_direction
from gitxp.errors import UsageError
from gitxp.query.expression import parse_operand
from gitxp.query.fields import Names
from gitxp.query.tree import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import Run


def read_directions(texts: Sequence[str], runs: Sequence[Run], now: float) -> dict[str, Direction]:
    """`-loss`, `+gain`, `loss:min` by the full names of metrics of these runs. Raises `UsageError` for what is none."""
    metrics = frozenset(name for run in runs for name in run.record.get("metrics") or {})
    found = {}
    for text in texts:
        key, direction = read_metric(text, Names((), metrics), now)
        found[key.name] = direction
    return found


def read_metric(text: str, names: Names, now: float) -> tuple[Key, Direction]:
    """The metric that a text names, and which way it is better; the direction has the metric's own name. Raises `UsageError`."""
    direction = parse_direction(text)
    key = parse_operand(direction.key, names, now)
    if not isinstance(key, Key) or key.kind != "metrics":
        raise UsageError(
            f"{direction.key!r} is no metric.", hint="Say metrics.NAME; 'gitxp list --all-columns' has the names."
        )
    return key, direction
