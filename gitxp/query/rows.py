"""Rows of the index's table of records, and the runs that they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitxp.annotations import Annotations, Note
from gitxp.format import Oid, RefName
from gitxp.git.refs import run_ref
from gitxp.names import RunName
from gitxp.query.index_file import Damaged, get_fact
from gitxp.store.runs import make_run

if TYPE_CHECKING:
    import sqlite3

    from gitxp.model import Run

# The columns that `decode_row` takes, of each run that is shown.
ROWS = (
    "SELECT refs.name, refs.commit_id, refs.archive, records.record, records.problem, records.said "
    "FROM refs JOIN records USING (commit_id)"
)


def encode_said(said: Annotations | None) -> str | None:
    """What people said of a run, as the column `said` has it."""
    return None if said is None else json.dumps(asdict(said))


def decode_row(name: str, commit: str, archive: str | None, data: bytes, problem: str | None, text: str | None) -> Run:
    """The run of a row. Raises `Damaged`."""
    where = run_ref(RunName(name), Oid(commit))
    if archive is not None:
        where = where._replace(ref=RefName(archive))
    try:
        said = None
        if text is not None:
            facts = json.loads(text)
            notes = tuple(Note(**note) for note in facts.pop("notes"))
            said = Annotations(**{**facts, "tags": tuple(facts["tags"]), "notes": notes})
        return make_run(where.name, where.ref, where.commit, json.loads(data), problem, said)
    except (ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"the row of {commit} is damaged") from error


def decode_named(database: sqlite3.Connection, name: RunName) -> Run:
    """The run of a name that another table has. Raises `Damaged`."""
    row = database.execute(f"{ROWS} WHERE refs.name = ?", (name,)).fetchone()
    if row is None:
        raise Damaged(f"{name} has no record")
    return decode_row(*row)


def get_strange(database: sqlite3.Connection) -> tuple[RefName, ...]:
    """The refs that are no runs. Raises `Damaged`."""
    return tuple(map(RefName, decode_column(get_fact(database, "strange") or "[]")))


def decode_column(text: bytes | str) -> Any:
    """The value of a column that is JSON. Raises `Damaged`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise Damaged("a column is damaged") from error
