"""The interpreter that a command really ran on, as its own processes tell, in the place of the one that was guessed.

`gitxp run make train` says nothing of a Python, and a launcher may choose another one than the PATH has. The process
nearest to the command knows, and knows which packages it imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.capture.environment.imported import imported_packages
from gitxp.capture.environment.interpreter import find_interpreter
from gitxp.capture.environment.surroundings import OF_PYTHON, environment, python_environment
from gitxp.recording.folding import depths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.recording.statements import Statement
    from gitxp.recording.wanted import Wanted

_SAID = ("executable", "version", "implementation", "prefix")


def true_environment(
    found: dict[str, Any] | None, wanted: Wanted, statements: Sequence[Statement]
) -> dict[str, Any] | None:
    """environment.json with the Python that ran, and `imported`; None where there is nothing to change.

    `found` is what was found out from the command alone.
    """
    main = _main_process(statements)
    if main is None:
        return None
    around = wanted.surroundings()
    said = {key: main[key] for key in _SAID if main.get(key)}
    guessed = (found or {}).get("python", {})
    new: dict[str, Any] = dict(found or {})
    if said["prefix"] != guessed.get("prefix") or said.get("version", "") != guessed.get("version", ""):
        program = [said["executable"]]
        kept = {key: value for key, value in new.items() if key not in OF_PYTHON}
        new = kept | python_environment(program, around) if kept else environment(program, around)
        new["python"] = {**new.get("python", {}), **said}
    modules = {
        module
        for statement in statements
        if statement.kind == "imported"
        for module in statement.facts.get("modules", ())
    }
    if modules and (interpreter := find_interpreter([said["executable"]], wanted.cwd, wanted.environ, wanted.cache)):
        imported = imported_packages(sorted(modules), interpreter.site_packages)
        if imported:
            new["imported"] = imported
    return new if new != found else None


def _main_process(statements: Sequence[Statement]) -> dict[str, Any] | None:
    """What the process nearest to the command said of itself first."""
    depth_of = depths(statements)
    said = [
        (depth_of.get(statement.pid, 0), number, statement.facts)
        for number, statement in enumerate(statements)
        if statement.kind == "process" and {"executable", "prefix"} <= statement.facts.keys()
    ]
    return min(said)[2] if said else None
