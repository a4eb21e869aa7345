"""`gitxp.config` and `gitxp.summary`: what was chosen, and what came out, as dictionaries with attributes.

What is set is said at once, so that a killed run has it. A nested dictionary that is changed in place cannot be seen
changing: it is looked at again when the run ends.
"""

from __future__ import annotations

from gitxp.capture.secrets.redaction import redact_params
from gitxp.current.values import cut, mapping, number, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class Config:
    """The parameters of a run: `config.lr`, `config["lr"]`, `config.update({…})`. Names with `_` before them are not kept.

    `say` gets what is new or changed, by dotted names.
    """

    _values: dict[str, Any]
    _said: dict[str, Any]

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_said", {})
        object.__setattr__(self, "_say", say)

    def update(self, values: Any = (), allow_val_change: bool | None = None, **more: Any) -> None:
        """Take these values: a dictionary or what stands for one (an argparse Namespace, a dataclass, OmegaConf's).

        A path names a YAML, JSON or TOML file. `TypeError` where there are no names in it. A value may change, whatever
        `allow_val_change` says.
        """
        del allow_val_change
        self._values.update({str(key): value for key, value in {**_pairs(values), **more}.items()})
        self.settle()

    def setdefaults(self, values: Any) -> None:
        """Take these values where there are none."""
        self.update({key: value for key, value in _pairs(values).items() if str(key) not in self._values})

    def settle(self) -> None:
        """Say what has changed since it was said last."""
        changed = {name: value for name, value in flat(self._values).items() if self._said.get(name, self) != value}
        if changed:
            self._said.update(changed)
            self._say(redact_params(changed))

    def as_dict(self) -> dict[str, Any]:
        """The values, as they were given."""
        return dict(self._values)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default where there is none."""
        return self._values.get(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value, which is the default where there was none."""
        if name not in self._values:
            self[name] = default
        return self._values[name]

    def keys(self) -> Any:
        """The names."""
        return self._values.keys()

    def values(self) -> Any:
        """The values."""
        return self._values.values()

    def items(self) -> Any:
        """Names and values."""
        return self._values.items()

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"the configuration of this run has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class Summary:
    """What came out of a run: the values logged last, and what is set here above them.

    A number that is set becomes the last point of the metric of that name; anything else is kept as a word.
    """

    def __init__(
        self, last: dict[str, float], log: Callable[[str, float], None], say: Callable[[dict[str, Any]], None]
    ) -> None:
        self._last = last
        self._log = log
        self._say = say
        self._words: dict[str, Any] = {}

    def update(self, values: Any = (), **more: Any) -> None:
        """Set several values; nested dictionaries by dotted names."""
        words = {}
        for name, value in _flat_pairs("", {**_pairs(values), **more}):
            found = number(value)
            if found is None:
                word = tree(value)
                self._words[name] = word
                words[name] = cut(str(word)) if isinstance(word, list | dict) else word
            else:
                self._words.pop(name, None)
                self._log(name, found)
        if words:
            self._say(redact_params(words))

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default where there is none."""
        return self._words.get(name, self._last.get(name, default))

    def keys(self) -> Any:
        """The names."""
        return self.as_dict().keys()

    def items(self) -> Any:
        """Names and values."""
        return self.as_dict().items()

    def as_dict(self) -> dict[str, Any]:
        """All values by name."""
        return {**self._last, **self._words}

    def __getitem__(self, name: str) -> Any:
        return self._words[name] if name in self._words else self._last[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary of this run has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self._words or name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def __repr__(self) -> str:
        return repr(self.as_dict())


def flat(values: Any) -> dict[str, Any]:
    """The parameters in a tree of values by dotted names: scalars, and lists of them. What is over the limits is left out."""
    from gitxp.capture.params.documents import DocumentError, flatten

    found: dict[str, Any] = {}
    for key, value in values.items():
        if not str(key).startswith("_"):
            try:
                found.update(flatten({str(key): tree(value)}))
            except DocumentError:
                found[str(key)[:200]] = "<too large>"
    return found


def _pairs(values: Any) -> dict[Any, Any]:
    if isinstance(values, str | bytes):
        from gitxp.capture.params.documents import read_document

        values = read_document(str(values))
        values = {} if values is None else values
    found = mapping(values)
    if found is None:
        if values == ():
            return {}
        raise TypeError(f"a dictionary, or what stands for one, is needed here, not a {type(values).__name__}")
    return found


def _flat_pairs(prefix: str, values: Any) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat_pairs(f"{name}.", value)
        else:
            yield name, value
