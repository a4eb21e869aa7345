"""What people say of metrics: which one they mean, and which way it is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.direction import Direction, better_of, parse_direction
from gitxp.errors import UsageError
from gitxp.format import SYSTEM_PREFIX
from gitxp.near import there_are
from gitxp.query.expression import parse_operand
from gitxp.query.fields import Names
from gitxp.query.source import QueryError
from gitxp.query.tree import Key, Type

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.model import Run

_QUOTES = "\"'"


def read_directions(texts: Sequence[str], runs: Sequence[Run], now: float) -> dict[str, Direction]:
    """What texts say of metrics of these runs, by name: `-loss`, `loss:min` less, `gain`, `+gain` more. Raises `UsageError`."""
    metrics = frozenset(name for run in runs for name in run.record.get("metrics") or {})
    found = {}
    for text in texts:
        direction = parse_direction(text)
        name = _find_metric(direction.key, metrics, now).name
        found[name] = Direction(name, better_of(is_less=direction.is_said and direction.is_less), is_said=True)
    return found


def _find_metric(text: str, metrics: Collection[str], now: float) -> Key:
    """What a text means where only metrics can be meant. Raises `UsageError`, with the names that are near."""
    if text in metrics:
        return Key("metrics", text, Type.NUMBER)
    try:
        key = parse_operand(text, Names((), metrics), now)
    except QueryError:
        if text.startswith("metrics"):
            raise
    else:
        if isinstance(key, Key) and key.kind == "metrics":
            return key
    names = sorted(metrics, key=lambda name: (name.startswith(SYSTEM_PREFIX), name))
    bare = text.strip(_QUOTES)
    raise UsageError(f"There is no metric {bare!r}.", hint=there_are(bare, names) or "These runs logged no metrics.")


def read_series(text: str, metrics: Collection[str], now: float) -> str:
    """The metric whose series a text means, bare, in quotes or as a key: `loss`, `"a,b"`, `metrics["train/loss"]`.

    Raises `UsageError` for what is none of `metrics`, or one number of them.
    """
    bare = text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in _QUOTES else text
    if bare in metrics:
        return bare
    key = _find_metric(text, metrics, now)
    if key.stat != "last":
        raise UsageError(f"{text!r} is one number of each run.", hint=f"Its points are those of {key.name}.")
    return key.name


def read_metric(text: str, names: Names, now: float) -> tuple[Key, Direction]:
    """The metric that a text names, and which way it is better; the direction has the metric's own name. Raises `UsageError`."""
    direction = parse_direction(text)
    key = parse_operand(direction.key, names, now)
    if not isinstance(key, Key) or key.kind != "metrics":
        raise UsageError(
            f"{direction.key!r} is no metric.", hint="Say metrics.NAME; 'gitxp list --all-columns' has the names."
        )
    return key, direction
