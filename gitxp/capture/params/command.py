"""Parameters that can be told from a command alone: its options, its overrides, the files that it names.

No import of the user's code and no change to it: `python train.py --lr 0.1 --no-amp model.depth=12 base.yaml` says
enough. First the launchers are stepped over (`env`, `uv run`, `torchrun`, `python -m`, `bash`; see launchers.py), so
that only the program's own arguments count. Where a command line is ambiguous, what argparse's users mean most often
is taken:

- the word after an option is its value, unless it is an option itself or an override (`key=value`). Whether
  `--verbose data.csv` is a flag and a file cannot be known, and is read as a value;
- further words belong to the same option only as long as all of them are numbers (`--layers 64 32`): a list. Any other
  word there is positional (`--lr 0.1 data.csv`), and positional words are no parameters: the command has them;
- an option that comes again makes a list, except that a flag stays a flag and `--flag --no-flag` means the last one;
- `-b 32` is an option of its own; `-b32` and `-O2` could be several things and are left out.

Names are as argparse makes them: `--learning-rate` is `learning_rate`. Nothing here can fail a run: what cannot be
read is left out and said in a warning.
"""

from __future__ import annotations

import os

from gitxp.capture.params.launchers import program_arguments
from gitxp.capture.params.scalars import Scalar, is_number, value
from gitxp.errors import UsageError, some_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Params = dict[str, Any]
    Sources = dict[str, str]

MAX_PARAMS = 1_000
MAX_TEXT = 2_000
MAX_IN_ALL = 256 * 1024
_MAX_NAME = 200
_NAMED = 3  # of what is left out, in one warning
_SUFFIXES = (".yaml", ".yml", ".json", ".toml")
# Files that a command names and that hold no parameters: of package managers, and what a run writes for the next one
# to find (`--out metrics.json`): last time's results are not this time's parameters.
_NO_CONFIG = frozenset(
    "package.json composer.json package-lock.json npm-shrinkwrap.json pnpm-lock.yaml conda-lock.yml pyproject.toml "
    "metrics.json results.json result.json predictions.json output.json summary.json".split()
)
_WRITTEN = frozenset("out output outputs save dump log logs metrics result results dest report export write".split())
_PRECEDENCE_OPTION = "option"


def capture_params(command: Sequence[str], cwd: str, options: Sequence[str] = ()) -> tuple[Params, Sources, list[str]]:
    """All parameters of a run: those of the command, and above them the `--param K=V` that gitxp was given.

    Returns (params by dotted name, the source of each, warnings as clauses for people). Raises `UsageError` for a bad
    item of `options`.
    """
    chosen = from_options(options)
    params, sources, warnings = from_command(command, cwd)
    params.update(chosen)
    sources.update(dict.fromkeys(chosen, _PRECEDENCE_OPTION))
    return params, sources, warnings


def from_options(items: Iterable[str]) -> Params:
    """The parameters of `--param K=V` items; of equal names the last counts. `UsageError` names a bad one."""
    params: Params = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not _is_name(name):
            raise UsageError(
                f"--param {item!r} is not NAME=VALUE.",
                hint="For example: --param lr=0.1. A name has no spaces, and begins with a letter or '_'.",
            )
        params[name] = value(text)
    return params


def from_command(command: Sequence[str], cwd: str) -> tuple[Params, Sources, list[str]]:
    """Parameters from a command and from the YAML, JSON and TOML files that it names; `cwd` is where it runs.

    Returns (params, sources, warnings). A source is `argv`, or `config:<path as the command has it>`; argv is above
    the files, and of two files the later. At most `MAX_PARAMS` with `MAX_IN_ALL` characters are kept, argv's first, each
    of at most `MAX_TEXT` characters or items: a record is small.
    """
    arguments = _Arguments(program_arguments(command, cwd))
    warnings: list[str] = []
    found: Params = {}
    origins: Sources = {}
    for path in _config_files(command, arguments):
        _add_config(path, cwd, found, origins, warnings)
    for name in arguments.deleted:
        for key in [key for key in found if key == name or key.startswith(name + ".")]:
            del found[key]
    named = [(name, thing, "argv") for name, thing in arguments.params.items()]
    named += [(name, thing, origins[name]) for name, thing in found.items() if name not in arguments.params]
    params, sources, over = within_limits(named)
    return params, sources, [*warnings, *over]


def words_besides(command: Sequence[str], params: Iterable[Any]) -> list[str]:
    """The words of a command that are no parameters: what starts the program, its name, and words without an option.

    `params` are the values of a run: a word that its program's own parser took for one of them is none either. Whoever
    has these words and the parameters has the command, but for the order.
    """
    arguments = program_arguments(command, os.sep)
    program = command[: len(command) - len(arguments)]
    words = _Arguments(arguments).plain
    if words:
        known = {str(item) for thing in params for item in (thing if isinstance(thing, list) else [thing])}
        words = [word for word in words if word not in known and str(value(word)) not in known]
    return [*program, *words]


def within_limits(named: Iterable[tuple[str, Any, str]]) -> tuple[Params, Sources, list[str]]:
    """As many of these (name, value, source) as a record has room for, the first ones first; for the rest, warnings."""
    params: Params = {}
    sources: Sources = {}
    warnings: list[str] = []
    long: list[str] = []
    left_out = room_taken = 0
    for name, thing, source in named:
        size = _size(thing)
        if size > MAX_TEXT or len(name) > _MAX_NAME:
            long.append(name)
        elif len(params) == MAX_PARAMS or room_taken + size > MAX_IN_ALL:
            left_out += 1
        else:
            params[name], sources[name] = thing, source
            room_taken += size
    if long:
        warnings.append(f"{_listed(long)} left out of the parameters: longer than {MAX_TEXT:,} characters")
    if left_out:
        warnings.append(
            f"{left_out:,} parameters over the limit of {MAX_PARAMS:,}, or of {MAX_IN_ALL:,} characters, are left out"
        )
    return params, sources, warnings


def _listed(names: Sequence[str]) -> str:
    """The first few names of several, with their verb."""
    shown = [repr(name if len(name) <= 60 else name[:59] + "…") for name in names]
    return f"{some_of(shown, _NAMED)} {'is' if len(names) == 1 else 'are'}"


class _Arguments:
    """The arguments of a program, read once: `params`, `deleted` names, and the words that may name `files`.

    `written` are words that belong to an option such as `--output`, and `plain` those that are no parameters.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.params: Params = {}
        self.deleted: list[str] = []
        self.written: set[str] = set()
        self.plain: list[str] = []
        self._words = words
        at = 0
        while at < len(words):
            word = words[at]
            if word == "--":
                self.plain += words[at + 1 :]
                break
            at = self._option(at) if _is_option(word) else self._plain(at)

    def _plain(self, at: int) -> int:
        word = self._words[at]
        if word[0:1] == "~" and _is_name(word[1:].partition("=")[0]):
            self.deleted.append(word[1:].partition("=")[0])
        elif override := _override(word):
            name, text = override
            self.params[name] = value(text)
            if _writes(name):
                self.written.add(text)
        else:
            self.plain.append(word)
        return at + 1

    def _option(self, at: int) -> int:
        """Take the option at this place; the place after it and its values."""
        word = self._words[at]
        dashes = 2 if word.startswith("--") else 1
        name, equals, text = word[dashes:].partition("=")
        if equals:
            self._add(name, dashes, [text])
            return at + 1
        end = at + 1
        words = self._words
        if _negates(name, dashes):
            if end == len(words) or not is_number(words[end]):  # fairseq's --no-repeat-ngram-size 3
                self._add(name[3:], dashes, [], flag=False)
                return end
        elif end < len(words) and _override(words[end]):
            self._add(name, dashes, [])
            return end
        if end < len(words) and not _is_option(words[end]) and words[end] != "--":
            end += 1
            if is_number(words[end - 1]):
                while end < len(words) and is_number(words[end]):
                    end += 1
        self._add(name, dashes, list(words[at + 1 : end]))
        return end

    def _add(self, name: str, dashes: int, texts: list[str], *, flag: bool = True) -> None:
        if _writes(name):
            self.written.update(texts)
        word = "-" * dashes + name
        name = name.replace("-", "_")
        if not _is_name(name) or (dashes == 1 and len(name) > 1 and (name[1].isdigit() or not name[0].isalpha())):
            self.plain += [word, *texts]
            return
        values = [value(text) for text in texts]
        new: Scalar | list[Any] = flag if not values else values if len(values) > 1 else values[0]
        if name in self.params and not isinstance(new, bool):
            old = self.params[name]
            if not isinstance(old, list):
                old = self.params[name] = [old]
            old.extend(new if isinstance(new, list) else [new])
        else:
            self.params[name] = new


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and word != "--" and not is_number(word)


def _negates(name: str, dashes: int) -> bool:
    return dashes == 2 and len(name) > 3 and name[:3] in ("no-", "no_")


def _override(word: str) -> tuple[str, str] | None:
    """`a.b=1`, `+a.b=1`, `++a.b=1` as (name, text): Hydra's grammar, which OmegaConf's and make's are part of."""
    name, equals, text = word.partition("=")
    name = name.removeprefix("++") if name.startswith("++") else name.removeprefix("+")
    # `data/year=2024/part.csv` is a path; `db/schema=school` chooses a config group
    if not equals or not _is_name(name) or ("/" in name and "/" in text):
        return None
    return name, text


def _is_name(text: str) -> bool:
    if not text or len(text) > _MAX_NAME or not (text[0].isalpha() or text[0] == "_"):
        return False
    return all(c.isalnum() or c in "._-/@:" for c in text) and "://" not in text


def _writes(name: str) -> bool:
    return not _WRITTEN.isdisjoint(name.lower().replace("-", "_").replace(".", "_").replace("/", "_").split("_"))


def _size(thing: Any) -> int:
    """Characters of a text, or of all items of a list; a number or a boolean counts as one."""
    if isinstance(thing, list):
        return sum(map(_size, thing), len(thing))
    return len(thing) if isinstance(thing, str) else 1


def _config_files(command: Sequence[str], arguments: _Arguments) -> list[str]:
    """The words of a command that look like configuration files, in order, each once."""
    paths: dict[str, None] = {}
    for word in command[1:]:
        path = word
        if "=" in word and (word[0] == "-" or _override(word)):
            path = word.partition("=")[2]
        if not path.lower().endswith(_SUFFIXES) or path.startswith("-") or path in arguments.written:
            continue
        name = os.path.basename(path).lower()
        if name not in _NO_CONFIG and not name.endswith((".lock.json", ".lock.yaml", ".lock.yml", "-lock.yaml")):
            paths.setdefault(path)
    return list(paths)


def _add_config(path: str, cwd: str, found: Params, origins: Sources, warnings: list[str]) -> None:
    from gitxp.capture.params.documents import DocumentError, flatten, read_document

    remarks: list[str] = []
    try:
        document = read_document(os.path.join(cwd, path), remarks)
        pairs = list(flatten(document)) if isinstance(document, dict) else []
    except (FileNotFoundError, NotADirectoryError):
        return  # the program may be about to write it
    except DocumentError as error:
        warnings.append(f"no parameters from {path}: {error}")
        return
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        warnings.append(f"no parameters from {path}: {getattr(error, 'strerror', None) or error}")
        return
    warnings += [f"{path}: {remark}" for remark in remarks[:_NAMED]]
    if len(remarks) > _NAMED:
        warnings.append(f"{path}: it has {len(remarks) - _NAMED:,} more keys that stand twice")
    for name, thing in pairs:
        found[name] = thing
        origins[name] = f"config:{path}"
