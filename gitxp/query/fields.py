"""What can be asked of a run besides its parameters and metrics, and what a short name means.

A name alone is first a field of gitxp's own, else the parameter or the metric of that name; one that is both must be
said in full. What no run has is an error that names what is near: a slip must not look like an empty answer.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import UsageError
from gitxp.names import normal_package
from gitxp.query.tree import Key, Type, spell

if TYPE_CHECKING:
    from collections.abc import Collection

FIELDS = {
    "name": Type.TEXT,
    "id": Type.OID,
    "commit": Type.OID,
    "ref": Type.TEXT,
    "status": Type.TEXT,
    "started_at": Type.TIME,
    "finished_at": Type.TIME,
    "duration": Type.SECONDS,
    "age": Type.SECONDS,
    "exit_code": Type.NUMBER,
    "signal": Type.NUMBER,
    "command": Type.TEXT,
    "cwd": Type.TEXT,
    "branch": Type.TEXT,
    "base": Type.OID,
    "dirty": Type.FLAG,
    "user": Type.TEXT,
    "host": Type.TEXT,
    "group": Type.TEXT,
    "title": Type.TEXT,
    "parent_run": Type.OID,
    "starred": Type.FLAG,
    "archived": Type.FLAG,
    "tags": Type.TEXTS,
    "notes": Type.TEXTS,
    "data": Type.TEXTS,
    "outputs": Type.TEXTS,
    "python": Type.VERSION,
}
# What people type for the names that the record, tables and files have.
ALIASES = {"author": "user", "started": "started_at", "finished": "finished_at", "parent": "parent_run"}
STATS = ("last", "min", "max", "count", "step")
# What `prefix.name` and `prefix["name"]` may begin with.
KINDS = {
    "params": Type.ANY,
    "metrics": Type.NUMBER,
    "packages": Type.VERSION,
    "data": Type.TEXT,
    "outputs": Type.TEXT,
}
_NEAR = 3
_AMONG = 2000  # names among which one that is near to a mistyped one is looked for


class Names(NamedTuple):
    """The names of parameters and metrics that runs of a repository have; of packages where they are needed."""

    params: Collection[str] = ()
    metrics: Collection[str] = ()

    def find(self, name: str) -> Key | None:
        """What a name means: in full or in short. None where nothing has it; `UsageError` where it means two things."""
        prefix, dot, rest = name.partition(".")
        if dot and prefix in KINDS:
            return self.find_in(prefix, rest)
        field = ALIASES.get(name, name)
        if field in FIELDS:
            return Key("field", field, FIELDS[field])
        param, metric = self._param(name), self._metric(name)
        if param and metric:
            raise UsageError(f"{name!r} is a parameter and a metric.", hint=f"Say {param.spelled} or {metric.spelled}.")
        return param or metric

    def has(self, name: str) -> bool:
        """Whether a name means something, or two things."""
        try:
            return self.find(name) is not None
        except UsageError:
            return True

    def find_in(self, kind: str, name: str) -> Key | None:
        """What `kind["name"]` means, `kind` being one of `KINDS`; of packages, data and outputs any name is sound."""
        if kind == "params":
            return self._param(name)
        if kind == "metrics":
            return self._metric(name)
        if kind == "packages":
            name = normal_package(name)
        return Key(kind, name, KINDS[kind]) if name else None

    def near(self, name: str) -> list[str]:
        """Names that this one may be a slip of, in full."""
        prefix, _, rest = name.partition(".")
        every = {field: field for field in FIELDS}
        for kind, names in (("params", self.params), ("metrics", self.metrics)):
            every |= {spell(kind, one): one for one in sorted(names)[:_AMONG]}
        by_bare: dict[str, list[str]] = {}
        for title, one in every.items():
            for bare in (one.casefold(), one.casefold().rpartition("/")[2]):
                by_bare.setdefault(bare, []).append(title)
        typed = [rest] if prefix in KINDS else [name, rest]  # rest: that of `param.lr`
        found = (difflib.get_close_matches(bare.casefold(), by_bare, _NEAR) for bare in typed if bare)
        close = next(filter(None, found), [])
        return list(dict.fromkeys(title for one in close for title in by_bare[one]))[: _NEAR + 1]

    def _param(self, name: str) -> Key | None:
        return Key("params", name, Type.ANY) if name in self.params else None

    def _metric(self, name: str) -> Key | None:
        if name in self.metrics:
            return Key("metrics", name, Type.NUMBER)
        whole, dot, stat = name.rpartition(".")
        if dot and stat in STATS and whole in self.metrics:
            return Key("metrics", whole, Type.NUMBER, stat)
        return None
