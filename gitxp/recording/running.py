"""The runs that are running in a repository, and what each has logged so far: its live folder, seen by others.

Whoever asks gets an answer: of a folder that is half written, damaged, no longer there, or made by somebody to do harm
nothing is known, and that is all.
"""

from __future__ import annotations

import os

from gitxp.errors import FormatError
from gitxp.format import parse_time
from gitxp.recording.live import Live, live_folder, names
from gitxp.recording.logged import Logged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitxp.format import Record
    from gitxp.series import Series

# Tables and questions have what runs logged so far as long as it takes no second to read it.
_QUICK = 16 * 1024 * 1024


class Running:
    """The runs that are running in the repository with this common folder; of each, what was read is not read again.

    `toplevel` is the working tree, None where there is none.
    """

    def __init__(self, common_dir: str, toplevel: str | None) -> None:
        self._common_dir = common_dir
        self._toplevel = toplevel
        self._kept: dict[tuple[str, str], Logged] = {}
        self._room = _QUICK

    def names(self) -> list[str]:
        """The names of those that may be running: they have a live folder."""
        return names(self._common_dir)

    def points(self, name: str, id_: str | None) -> dict[str, Series]:
        """Every metric's points of the run of this name, where it has this id. Who gets them must not change them."""
        logged = self._find(name, id_)
        if logged is None:
            return {}
        return _read(self._kept.setdefault((name, logged.id), logged))

    def summaries(self, name: str) -> tuple[str, dict[str, dict[str, Any]]] | None:
        """The id of the run that is running under a name, and its metrics as a record has them.

        There are none where so much was logged that to read it would take a second; None where nothing is known.
        """
        logged = self._find(name)
        if logged is None:
            return None
        size = logged.size()
        points = _read(logged) if size <= _QUICK else {}
        if points and size <= self._room and (name, logged.id) not in self._kept:
            self._room -= size  # the points of many runs would fill the memory
            self._kept[name, logged.id] = logged
        return logged.id, {metric: series.summary() for metric, series in points.items() if series}

    def _find(self, name: str, id_: str | None = None) -> Logged | None:
        """What the run of this name logs; None where there is none, or where it has another id."""
        folder = os.path.join(live_folder(self._common_dir), name)
        record = _read_record(folder)
        if record is None or id_ not in {None, record["id"]}:
            return None
        return self._kept.get((name, record["id"])) or Logged(folder, record, self._toplevel)


def _read(logged: Logged) -> dict[str, Series]:
    try:
        return logged.read()
    except (OSError, ValueError, FormatError):
        return {}  # it ended while we looked, or names what is no path


def _read_record(folder: str) -> Record | None:
    """What is known of a run from its start, with the keys that `Logged` needs."""
    try:
        record: Any = Live(folder).read_state().get("record")
        if not isinstance(record, dict) or not all(isinstance(record.get(key), str) for key in ("id", "started_at")):
            return None
        parse_time(record["started_at"])
    except FormatError:
        return None
    return record if isinstance(record.get("cwd", "."), str) else None
