"""What a word on the command line can be, by what `--help` calls it: runs, tags, keys, questions, paths.

A finder for each kind gives what goes on as the word began, the likeliest first. It reads the index as it is (see
`query.glance`); outside of a repository it finds nothing.
"""

from __future__ import annotations

import contextlib
import posixpath
import time
from typing import TYPE_CHECKING, NamedTuple

import click
from click.shell_completion import CompletionItem

from gitxp.cli.completed_keys import key_items
from gitxp.cli.completed_question import complete_question
from gitxp.errors import GitxpError
from gitxp.format import ARTIFACTS_FOLDER
from gitxp.query.fields import FIELDS
from gitxp.query.tree import Type, spell
from gitxp.render.words import age_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gitxp.query.glance import Glance, Known
    from gitxp.repo import Repo

Item = CompletionItem[str]
_MOST, _MOST_OF_PREFIX = 100, 1000  # runs that are offered: before anything was typed, and after
_NEWEST = 10  # runs that are offered as @, @~1, …
_DIVIDING = frozenset(",()[]\"'")  # what a list is divided at, and what holds it together
_WITH_WAYS = frozenset({"best", "better", "metric", "pareto"})  # parameters whose KEY may say which way is better
_NUMBERS = frozenset({Type.NUMBER, Type.SECONDS, Type.TIME})
_RUN_PREFIXES = ("refs/experiments/", "experiments/")


class Completion(NamedTuple):
    """What may follow: words, or names of files, or a command of the user's that begins at this word (0: `gitxp`)."""

    items: list[Item]
    files: bool = False
    command: int | None = None


class Place(NamedTuple):
    """Where a word is typed: what was parsed before it, the option or argument that it is for, and how it begins."""

    context: click.Context
    param: click.Parameter
    text: str

    @property
    def before(self) -> tuple[str, ...]:
        """The words that the same argument has already."""
        given = self.context.params.get(self.param.name or "")
        return tuple(given) if isinstance(given, (list, tuple)) else ()


def complete_value(place: Place) -> Completion:
    """What a value may be."""
    if isinstance(place.param.type, click.Choice):
        return Completion([*place.param.type.shell_complete(place.context, place.param, place.text)])
    metavar = place.param.metavar or ""
    if metavar in FILES and not (metavar == "PATH" and "run" in place.context.params):
        return Completion([], files=True)
    finder = FINDERS.get(metavar)
    return Completion([] if finder is None else list(finder(place)))


@contextlib.contextmanager
def open_glance() -> Iterator[tuple[Repo, Glance] | None]:
    """The repository here and its index; None where there is none that can be read."""
    from gitxp.repo import Repo

    with contextlib.ExitStack() as stack:
        try:
            repo = stack.enter_context(Repo())
            glance = stack.enter_context(contextlib.closing(repo.glance()))
        except GitxpError:
            yield None
            return
        yield repo, glance


def _runs(place: Place) -> Iterator[Item]:
    """Names, the newest first; `@` and what goes with it where that was begun; names as git has them, where those were."""
    with open_glance() as opened:
        if opened is None:
            return
        glance = opened[1]
        if place.text.startswith("@"):
            for steps, run in enumerate(glance.newest(_NEWEST)):
                yield CompletionItem("@" if not steps else f"@~{steps}", help=f"{run.name}: {_about(run)}")
            return
        head = next((prefix for prefix in _RUN_PREFIXES if place.text.startswith(prefix)), "")
        begun = place.text.removeprefix(head)
        found = glance.runs(begun, _MOST_OF_PREFIX if begun else _MOST)
    given = {*place.before, *(v for v in place.context.params.values() if isinstance(v, str))}
    for run in found:
        if run.name not in given:
            yield CompletionItem(head + run.name, help=_about(run))


def _about(run: Known) -> str:
    """What tells a run from others: how it ended, how long ago it began, its title or else its command."""
    age = "" if run.started is None else f"{age_text(time.time() - run.started)} ago"
    words = " ".join(word for word in (run.status, age) if word)
    return f"{words} · {run.title or run.command}" if run.title or run.command else words


def _runs_then_group(place: Place) -> Iterator[Item]:
    yield from _runs(place)
    if place.before:
        yield from _groups(place)


def _runs_and_tags(place: Place) -> Iterator[Item]:
    if place.text.startswith("+"):
        for item in _tags(place._replace(text=place.text[1:])):
            yield CompletionItem(f"+{item.value}")
    else:
        yield from _runs(place)


def _remotes(place: Place) -> Iterator[Item]:
    del place
    with open_glance() as opened:
        if opened is not None:
            for name in opened[0].git.ask("remote").stdout.decode("utf-8", "replace").splitlines():
                yield CompletionItem(name, help="remote")


def _remote_then_runs(place: Place) -> Iterator[Item]:
    if not place.before:
        yield from _remotes(place)
    yield from _runs(place)


def _tags(place: Place) -> Iterator[Item]:
    del place
    yield from map(CompletionItem, find_tags())


def find_tags() -> list[str]:
    """The tags of the runs here."""
    with open_glance() as opened:
        return opened[1].tags() if opened else []


def _groups(place: Place) -> Iterator[Item]:
    del place
    with open_glance() as opened:
        yield from map(CompletionItem, opened[1].values("group", _MOST) if opened else ())


def _where(place: Place) -> Iterator[Item]:
    with open_glance() as opened:
        if opened is not None:
            yield from complete_question(opened[1], place.before, place.text)


def _goal(place: Place) -> Iterator[Item]:
    if not place.before:
        yield CompletionItem("set", help="Write the goal into gitxp.yaml.")
        yield CompletionItem("clear", help="Take it out.")
    elif place.before[0] == "set":
        with open_glance() as opened:
            if opened is not None:
                yield from complete_question(opened[1], place.before[1:], place.text)


def _key(place: Place) -> Iterator[Item]:
    """A name to sort by or to look at; `-` or `+` before it says which way, or where that is meant, what comes after."""
    sign = place.text[:1] if place.text[:1] in {"-", "+"} else ""
    ways = not sign and place.param.name in _WITH_WAYS
    with open_glance() as opened:
        if opened is not None:
            for item in key_items(opened[1].keys(), place.text.removeprefix(sign), FIELDS):
                key = item.value
                yield CompletionItem(sign + key, help=item.help, is_open=item.is_open)
                if ways and FIELDS.get(key, Type.NUMBER) in _NUMBERS:
                    yield from _ways(key, place.text)


def _ways(key: str, text: str) -> Iterator[Item]:
    """What says, after a whole key, which way it is better."""
    if text == key or text.startswith(f"{key}:"):
        yield CompletionItem(f"{key}:max", help="more is better")
        yield CompletionItem(f"{key}:min", help="less is better")


def _listed(finder: Callable[[Place], Iterable[Item]]) -> Callable[[Place], Iterator[Item]]:
    """A finder for words with commas between them."""

    def find(place: Place) -> Iterator[Item]:
        before, comma, last = place.text.rpartition(",")
        given = before.split(",")
        for item in finder(place._replace(text=last)):
            if item.value not in given:
                item.value = before + comma + item.value
                yield item

    return find


def _metrics(place: Place) -> Iterator[Item]:
    del place
    with open_glance() as opened:
        yield from map(CompletionItem, sorted(opened[1].keys().metrics) if opened else ())


def _series(place: Place) -> Iterator[Item]:
    """Metrics, as they can stand in a list with commas."""
    for item in _metrics(place):
        if _DIVIDING.intersection(item.value) or item.value != item.value.strip():
            item.value = spell("metrics", item.value)
        yield item


def _best(place: Place) -> Iterator[Item]:
    """A metric, and after a colon which way is better."""
    for item in _metrics(place):
        ways = _ways(item.value, place.text)
        yield item
        yield from ways


def _sources(place: Place) -> Iterator[Item]:
    del place
    yield CompletionItem("stdout", help="lines such as 'loss: 0.1'")


def _axis(place: Place) -> Iterator[Item]:
    """What curves can be drawn over."""
    yield from (CompletionItem("step"), CompletionItem("time"))
    yield from _metrics(place)


def _paths(place: Place) -> Iterator[Item]:
    """Paths in the run that was named before: those of its snapshot, as they are seen from here, and gitxp's own."""
    run = place.context.params.get("run") or place.context.params.get("a")
    if not isinstance(run, str):
        return
    with open_glance() as opened:
        commit = opened[1].commit_of(run) if opened else None
        if opened is None or commit is None:
            return
        repo, glance = opened
        if place.param.name == "path" and isinstance(place.param, click.Option):
            for path in glance.paths(commit, f"{ARTIFACTS_FOLDER}/", deep=True):
                yield CompletionItem(path.removeprefix(f"{ARTIFACTS_FOLDER}/"))
            return
        folder = place.text[: place.text.rfind("/") + 1]
        where = "" if folder.startswith(".gitxp/") else repo.location.prefix
        full = posixpath.normpath(posixpath.join(where, folder or "."))
        if full.startswith(".."):
            return
        for path in glance.paths(commit, "" if full == "." else f"{full}/"):
            name = path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else "")
            yield CompletionItem(folder + name, is_open=path.endswith("/"))


# What `--help` calls the values of options and arguments.
FILES = frozenset({"DEST", "DIR", "FILE", "PATH", "[-- CHANGED ARGUMENTS…]"})
FINDERS: dict[str, Callable[[Place], Iterable[Item]]] = {
    **dict.fromkeys(("A", "A B | [WHERE]", "B", "RUN", "[RUN]", "[RUN]…", "RUN…", "[RUN…]", "RUN… [TEXT]"), _runs),
    **dict.fromkeys(("WHERE", "[WHERE]"), _where),
    **dict.fromkeys(("C,…", "KEY,…"), _listed(_key)),
    **dict.fromkeys(("PATH", "[-- PATH…]"), _paths),
    "GROUP": _groups,
    "KEY": _key,
    "METRIC[:max|:min]": _best,
    "METRIC,…": _listed(_series),
    **dict.fromkeys(("REMOTE", "[REMOTE]"), _remotes),
    "RUN… GROUP": _runs_then_group,
    "SOURCE": _sources,
    "TAG": _tags,
    "X": _axis,
    "[REMOTE] [RUN…]": _remote_then_runs,
    "[RUN…] [+TAG -TAG…]": _runs_and_tags,
    "[set GOAL | clear]": _goal,
}
