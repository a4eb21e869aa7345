"""`run["train/loss"]`: fields with the words that Neptune's users write."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gitxp.current.active import ActiveRun

_PARAMETERS = frozenset({"parameters", "params", "config", "hyperparameters", "hparams"})


class Field:
    """One field of a run, by its path. Below `parameters/` are the parameters, below `sys/` name, tags and words."""

    def __init__(self, run: ActiveRun, path: str) -> None:
        self.run = run
        self.path = path.strip("/")

    def assign(self, value: Any) -> None:
        """Set it: a parameter, a number or a word that is a result; a dictionary sets the fields below it."""
        head, _, rest = self.path.partition("/")
        if head in _PARAMETERS:
            self._assign_parameters(rest, value)
        elif head == "sys":
            self._describe(rest, value)
        elif isinstance(value, dict):
            for key, item in value.items():
                Field(self.run, f"{self.path}/{key}").assign(item)
        else:
            self.run.keep(self.path, value)

    def append(self, value: Any, step: float | None = None, **_: Any) -> None:
        """Log one value of a series; without a step, the next one of this series. Dictionaries log the fields below."""
        if isinstance(value, dict):
            for key, item in value.items():
                Field(self.run, f"{self.path}/{key}").append(item, step)
        else:
            self.run.append(self.path, value, step)

    log = append

    def extend(self, values: Iterable[Any], steps: Iterable[float] | None = None, **_: Any) -> None:
        """Log several values of a series."""
        if steps is None:
            for value in values:
                self.append(value)
        else:
            for value, step in zip(values, steps, strict=False):
                self.append(value, step)

    def add(self, values: Any) -> None:
        """Add to a set; the sets that there are, are the run's tags."""
        tags = [values] if isinstance(values, str) else list(values)
        if self.path in {"sys/tags", "sys/group_tags"}:
            self.run.add_tags(tags)
        else:
            self.run.keep(self.path, ", ".join(map(str, tags)))

    def upload(self, value: Any, **_: Any) -> None:
        """Keep a file under this name: its path, a figure, an image, a table."""
        self.run.upload(self.path, value)

    def upload_files(self, paths: Any, **_: Any) -> None:
        """Keep files that match a glob, or several of them, below this name."""
        for pattern in [paths] if isinstance(paths, str) else paths:
            self.run.save(pattern, under=self.path)

    def __getitem__(self, path: str) -> Field:
        return Field(self.run, f"{self.path}/{path}")

    def __setitem__(self, path: str, value: Any) -> None:
        self[path].assign(value)

    def _assign_parameters(self, rest: str, value: Any) -> None:
        name = rest.replace("/", ".")
        if not name:
            self.run.config.update(value)
        elif isinstance(value, dict):
            self.run.config.update({f"{name}.{key}": item for key, item in value.items()})
        else:
            self.run.config.update({name: value})

    def _describe(self, rest: str, value: Any) -> None:
        if rest == "tags":
            self.run.add_tags([value] if isinstance(value, str) else list(value))
        elif rest == "name":
            self.run.describe(title=str(value))
        elif rest == "description":
            self.run.describe(notes=str(value))
