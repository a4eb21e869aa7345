"""Which way a number is better: what people say with a sign, or what its name says.

W&B and MLflow make people say it each time, or take the largest; a loss of which the largest is called the best is a
mistake that looks like an answer. So where nothing is said the name decides, and what was taken is told.

What is better has one form, here and in JSON: `less`, `more`, or None (null) where neither is known to be.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from gitxp.format import SYSTEM_PREFIX

Better = Literal["less", "more"]

# Parts of names of what is better when it is less: errors, distances, costs, durations.
_LESS = frozenset(
    "loss losses error err errors mse rmse mae mape msle nll bce ce perplexity ppl divergence kl fid wer cer brier regret "
    "cost latency duration time seconds age deviation distance bits bpb bpc nmse logloss eer "
    "false fpr fnr missing overflow violations".split()
)
_COUNTERS = frozenset({"epoch", "step", "global_step", "iter", "iteration"})
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


class Direction(NamedTuple):
    """A key (as it was typed), what of it is better, and whether somebody said so or its name did.

    `better` is None of what only counts (`epoch`) and of what the machine did (`system/…`). Where a best is asked for all the same, the greatest is taken.
    """

    key: str
    better: Better | None
    is_said: bool

    @property
    def is_less(self) -> bool:
        """Whether less is better."""
        return self.better == "less"

    @property
    def words(self) -> str:
        """`least loss`, `greatest accuracy`."""
        return f"{'least' if self.is_less else 'greatest'} {self.key}"


def parse_direction(text: str) -> Direction:
    """`-KEY` and `KEY:min` say that less is better, `+KEY` and `KEY:max` that more is; `KEY` leaves it to its name."""
    text = text.strip()
    if text[:1] in {"-", "+"}:
        return Direction(text[1:].strip(), better_of(is_less=text[0] == "-"), is_said=True)
    key, colon, word = text.rpartition(":")
    if colon and key and word in {"min", "max"}:
        return Direction(key, better_of(is_less=word == "min"), is_said=True)
    return direction_by_name(text)


def direction_by_name(name: str) -> Direction:
    """The way that a name tells, where nobody said one."""
    bare = name.removeprefix("metrics.")
    if is_counter(bare) or bare.startswith(SYSTEM_PREFIX):
        return Direction(name, None, is_said=False)
    return Direction(name, better_of(is_less=is_less_better(name)), is_said=False)


def better_of(*, is_less: bool) -> Better:
    """The word for a way."""
    return "less" if is_less else "more"


def is_less_better(name: str) -> bool:
    """Whether a name says that less is better: `val/loss`, `RMSE`, `test_error_rate`, `duration`."""
    return any(part.lower() in _LESS for part in _PARTS.findall(name))


def is_counter(name: str) -> bool:
    """Whether a metric only counts (`epoch`, `step`): neither way is better."""
    return name.lower() in _COUNTERS
