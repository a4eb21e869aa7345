"""The names of parameters, metrics and fields as they are written in questions and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from gitxp.format import SYSTEM_PREFIX
from gitxp.query.fields import STATS
from gitxp.query.tree import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitxp.query.fields import Names

Item = CompletionItem[str]


def key_items(names: Names, text: str, own: Iterable[str]) -> Iterator[Item]:
    """The names of metrics, parameters and gitxp's `own` that `text` may begin; in short where that is clear.

    Those of the machine's metrics come last, being many.
    """
    taken = frozenset(own)
    is_full = text.startswith(("params.", "metrics."))
    for kind in ("metrics", "params"):
        if text and f"{kind}.".startswith(text) and getattr(names, kind):
            yield CompletionItem(f"{kind}.", help="a name in full", is_open=True)
    for kind, those, others in (("metrics", names.metrics, names.params), ("params", names.params, names.metrics)):
        for name in sorted(those, key=lambda name: (name.startswith(SYSTEM_PREFIX), name)):
            is_clear = not is_full and name not in others and name not in taken
            spelled = spell(kind, name, is_clear=is_clear)
            yield CompletionItem(spelled, help=kind.removesuffix("s"))
            if kind == "metrics" and text.startswith(f"{spelled}."):
                yield from (CompletionItem(f"{spelled}.{stat}", help="of all its points") for stat in STATS)
    yield from (CompletionItem(name, help="of gitxp") for name in own)
