"""Parameters from several mouths: the command line as it was typed, the program's own parser, its configuration, its code.

Before the command starts only its words are known, and what they mean is a guess (command.py). When it is over, the
program's parser may have said what it made of them: their names, their types, the defaults of all the rest. Here the
two become one set, in which each name has the value of the source that knows best:

    option (`--param`) > api (`gitxp.config`) > what was given on the command line, as the parser has it > what the parser
    took from a variable > Hydra's configuration > the files that the command names > defaults of parsers and of a
    notebook > OmegaConf and other loggers > constants

Of two processes that say the same of equal right, the one nearer to the command counts, and of one process what it said
last. Of the jobs that Hydra makes of one command line (`--multirun`), none counts more than the others: where they differ,
a parameter is the list of its values. A guess that the parser has under another name (`-b 32` for `batch_size`, `--no-amp` for `no_amp`) is dropped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.capture.params.command import within_limits
from gitxp.capture.params.documents import DocumentError, flatten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitxp.capture.params.command import Params, Sources

OPTION, API, ARGV, ENV, HYDRA, CONFIG, NOTEBOOK = "option", "api", "argv", "env", "hydra", "config:", "notebook"
PARSERS = frozenset({"argparse", "click", "typer", "absl", "fire"})
_RANKS = {OPTION: 0, API: 1, ARGV: 2, ENV: 3, HYDRA: 4, **dict.fromkeys((*PARSERS, NOTEBOOK), 6)}
_RANKS |= {"omegaconf": 7, "constant": 9}
_CONFIG_RANK, _OTHER_RANK = 5, 8
_MAX_SOURCE = 100


class Said(NamedTuple):
    """Parameters that one process told of one source: nested or by dotted names, and which of them were given.

    `depth` is how many processes stand between it and the command. With `complete`, it took all words of the command line:
    what was read in them besides is no parameter. With `job`, they are those of one job of several.
    """

    source: str
    params: Mapping[str, Any]
    given: frozenset[str] = frozenset()
    depth: int = 0
    complete: bool = False
    job: bool = False


class _Claim(NamedTuple):
    rank: int
    depth: int
    order: int  # the later, the smaller
    value: Any
    source: str


def merge_params(params: Params, sources: Sources, said: Iterable[Said]) -> tuple[Params, Sources, list[str]]:
    """The parameters of a run: those known before its start, with `sources`, and what its processes `said`, in order.

    Gives (params, the source of each, sentences about what was left out). The limits are those of `from_command`.
    """
    problems: list[str] = []
    told = _jobs_together(list(said), problems)
    claims: dict[str, _Claim] = {}
    guesses = {name for name, source in sources.items() if source == ARGV}
    for name, value in params.items():
        source = sources.get(name, ARGV)
        # the parser read the same words, and knows their types
        claims[name] = _Claim(_rank(source), 1 << 30 if source == ARGV else 0, 0, value, source)
    parsed: list[tuple[str, Any]] = []
    for number, item in enumerate(told):
        for name, value in _flat(item, problems):
            is_given = _is_given(name, item)
            source = ARGV if is_given else item.source[:_MAX_SOURCE]
            if item.source in PARSERS and (is_given or name in guesses):
                parsed.append((name, value))
            claim = _Claim(_rank(source), item.depth, -number, value, source)
            if name not in claims or claim[:3] < claims[name][:3]:
                claims[name] = claim
    wrong = set(_renamed(params, guesses, parsed))
    if any(item.complete for item in told):
        # Hydra's `db=postgresql` chooses a group, and is the only place that names the choice (of many jobs: the choices)
        groups = {name for item in told if item.source == HYDRA and not item.job for name in item.given}
        wrong |= guesses - groups - {name for item in told for name, _ in _flat(item, [])}
    for name in wrong:
        del claims[name]
    ranked = sorted(claims.items(), key=lambda item: item[1].rank)
    kept, origins, over = within_limits((name, claim.value, claim.source) for name, claim in ranked)
    return kept, origins, [*problems, *(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in over)]


def _jobs_together(said: list[Said], problems: list[str]) -> list[Said]:
    """The same with all jobs as one, the last."""
    jobs = [item for item in said if item.job]
    if not jobs:
        return said
    values: dict[str, dict[str, Any]] = {}  # by what they look like: 1 is not 1.0
    for job in jobs:
        for name, value in _flat(job, problems):
            values.setdefault(name, {})[repr(value)] = value
    whole = Said(
        jobs[0].source,
        {name: _together(list(each.values())) for name, each in values.items()},
        frozenset().union(*(job.given for job in jobs)),
        min(job.depth for job in jobs),
        any(job.complete for job in jobs),
        job=True,
    )
    return [*(item for item in said if not item.job), whole]


def _together(values: list[Any]) -> Any:
    """One value as it is; several as a list, in which those that are lists themselves are texts."""
    if len(values) == 1:
        return values[0]
    return [json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value for value in values]


def _rank(source: str) -> int:
    return _CONFIG_RANK if source.startswith(CONFIG) else _RANKS.get(source, _OTHER_RANK)


def _is_given(name: str, item: Said) -> bool:
    """Whether the command line gave it. Of a parser's value that is nested, all parts are given; not so of Hydra's groups."""
    if item.source == HYDRA:
        return name in item.given
    return item.source in PARSERS and any(part in item.given for part in _ancestors(name))


def _ancestors(name: str) -> Iterator[str]:
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _flat(item: Said, problems: list[str]) -> Iterator[tuple[str, Any]]:
    try:
        yield from list(flatten(dict(item.params)))
    except DocumentError as error:
        problems.append(f"Parameters of the source {item.source[:_MAX_SOURCE]!r} are left out: {error}.")


def _renamed(params: Params, guesses: set[str], parsed: list[tuple[str, Any]]) -> Iterator[str]:
    """The guesses that a parser has under another name of its own, or in parts."""
    names = {name for name, _ in parsed}
    nested = {part for name in names for part in _ancestors(name) if part != name}
    other_names = [value for name, value in parsed if name not in params]
    for guess in guesses - names:
        value = params[guess]
        if guess in nested:
            yield guess
        elif isinstance(value, bool):
            if f"no_{guess}" in names or any(_is_switch(other, value) and name[:1] == guess for name, other in parsed):
                yield guess
        elif any(_is_same(value, other) for other in other_names):
            yield guess
        elif isinstance(value, list) and all(any(_is_same(item, other) for other in other_names) for item in value):
            yield guess  # a switch before several arguments: `--drifting 3 4`


def _is_switch(other: Any, value: Any) -> bool:
    return isinstance(other, bool | int) and bool(other) is value


def _is_same(a: Any, b: Any) -> bool:
    """Whether a parser may have made `b` of the words that were taken for `a`: 32 and "32", 1 and 1.0."""
    if isinstance(a, list) or isinstance(b, list):
        a, b = (value if isinstance(value, list) else [value] for value in (a, b))
        return len(a) == len(b) and all(map(_is_same, a, b))
    return bool(a == b) or str(a) == str(b)
