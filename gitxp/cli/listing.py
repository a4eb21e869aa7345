"""What `gitxp list` says beside its table: what is left out, and the command that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.cli.remarks import again, say_wrapped, tell_command, tell_left
from gitxp.errors import UsageError, some_of
from gitxp.render.measure import shorten
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.listed import Choice, Groups
    from gitxp.model import Page

_NAMED = 3  # strange refs that are named; the others are counted
_LONGEST_REF = 80


class Asked(NamedTuple):
    """What the command line asked for, by the names of its options; None where it says nothing."""

    where: str | None
    sort: str | None = None
    columns: str | None = None
    group_by: str | None = None
    metric: str | None = None
    best: str | None = None
    per: str | None = None
    pareto: str | None = None
    archived: bool = False

    def again(self) -> str:
        """The command, to which an option is added that shows more."""
        options = self._asdict()
        words = [] if self.where is None else [self.where]
        return again("list", *words, all=options.pop("archived"), **{k: v for k, v in options.items() if k != "where"})

    @property
    def compared(self) -> dict[str, str | None]:
        """What runs are sorted and chosen by."""
        return {"sort": self.sort, "best": self.best, "per": self.per, "pareto": self.pareto}

    def check(self, *, all_columns: bool, as_json: bool) -> None:
        """Raise `UsageError` for options that do not go together."""
        for first, second, why in (
            ("group_by", "best", "Groups have their best beside them; --best KEY --per KEY shows the runs."),
            ("group_by", "pareto", "Give one of them."),
            ("best", "pareto", "--best is told by one key, --pareto by several."),
            ("metric", "columns", "Both name the numbers of groups: give one of them."),
        ):
            if getattr(self, first) is not None and getattr(self, second) is not None:
                raise UsageError(f"{_option(first)} and {_option(second)} exclude each other.", hint=why)
        if self.per is not None and self.best is None:
            raise UsageError("--per says of which runs the best are shown.", hint="--best metrics.acc --per group")
        if self.metric is not None and self.group_by is None:
            raise UsageError(
                "--metric names the numbers of groups.",
                hint="--group-by params.model --metric metrics.acc; --columns names those of a table of runs.",
            )
        if all_columns and self.group_by is not None:
            raise UsageError("--all-columns and --group-by exclude each other.", hint="--metric names the numbers.")
        if self.columns is not None and (all_columns or (as_json and self.group_by is None)):
            other = "--all-columns" if all_columns else "--json"
            raise UsageError(f"--columns and {other} exclude each other.", hint="--columns is for tables and --csv.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def tell_nothing(hidden: int, asked: Asked, width: int | None) -> None:
    """Say why there is no table."""
    if hidden:
        words = "All runs are archived" if asked.where is None else "Only archived runs answer to that"
        tell_command(words, f"{asked.again()} --all", width)
    else:
        tell_command("No run answers to that. What there is", "gitxp list --all-columns", width)


def tell_more(page: Page, asked: Asked, left_out: Sequence[str], every: str, width: int | None, *, whole: bool) -> None:
    """Say what the table does not show, and how to see it; the file of values is `whole`."""
    more = 0 if whole else page.total - len(page.runs)
    tell_left(
        asked.again(),
        width,
        (more, "more run", "-n 0"),
        (page.hidden, "archived run", "--all"),
        (len(left_out), "more column", every),
    )


def tell_choice(choice: Choice, width: int | None) -> None:
    """Say how the runs were chosen, and how many could not be."""
    ways = ", ".join(visible(measure.direction.words) for measure in choice.measures)
    said = {measure.direction.is_said for measure in choice.measures}
    why = "" if said == {True} else " (by name)" if said == {False} else " (by name, where you did not say)"
    per = f" for each {', '.join(map(visible, choice.per))}" if choice.per else ""
    words = f"{ways[:1].upper()}{ways[1:]}{why}{per}, of {count_text(choice.runs - choice.left_out, 'run')}"
    if choice.left_out:
        lacking = "it is" if len(choice.measures) == 1 else "one of them is"
        words += f"; {count_text(choice.left_out, 'run')} left out, where {lacking} missing or no number"
    say_wrapped(words, width)


def tell_groups(groups: Groups, asked: Asked, left_out: Sequence[str], width: int | None, *, whole: bool) -> None:
    """Say which way is better, what is left out, and how to see it."""
    from gitxp.render.groups import measure_words

    shown = [measure for measure in groups.measures if measure.title not in left_out]
    if shown:
        say_wrapped(measure_words(shown), width)
    nan = sum(summary.nan for group in groups.groups for summary in group.summaries)
    if nan:
        say_wrapped(f"{count_text(nan, 'value')} left out: nan", width)
    more = 0 if whole else groups.total - len(groups.groups)
    tell_left(
        asked.again(),
        width,
        (more, "more group", "-n 0"),
        (groups.hidden, "archived run", "--all"),
        (len(left_out), "more metric", "--json"),
    )


def tell_strange(refs: Sequence[str], width: int | None) -> None:
    """Say which refs stand where runs do and are none: somebody made them by hand."""
    if refs:
        named = some_of([shorten(visible(ref), _LONGEST_REF) for ref in refs], _NAMED)
        say_wrapped(f"Not listed, since they can be no runs: {named}", width)
