"""The environment on a run's page: what decides how numbers come out first, and keys that are not known as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.table import Cell
from gitxp.render.untyped import described, joined, list_of, mapping_of, some, text_of
from gitxp.render.words import count_text, is_number, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN = frozenset("python packages imported virtual_env conda os cpu memory gpus cuda container variables".split())


def environment_rows(environment: Mapping[str, Any]) -> list[list[Cell]]:
    """A row for each fact: the interpreter, packages, machine, variables, and whatever else there is."""
    python, system, cpu = (mapping_of(environment.get(key)) for key in ("python", "os", "cpu"))
    conda, memory = mapping_of(environment.get("conda")), environment.get("memory")
    machine = [
        text_of(cpu.get("model")),
        f"{text_of(cpu['cores'])} cores" if cpu.get("cores") else "",
        f"{size_text(memory)} of memory" if is_number(memory) and memory is not None else "",
    ]
    facts = {
        "python": joined([python.get("implementation"), python.get("version")]),
        "at": text_of(python.get("executable")),
        "virtual env": text_of(environment.get("virtual_env")),
        "conda": joined([conda.get("name"), conda.get("prefix")]),
        **_packages(environment),
        "system": joined([system.get(key) for key in ("distribution", "system", "release", "machine")]),
        "machine": ", ".join(text for text in machine if text),
        "gpus": described(environment.get("gpus")),
        "cuda": described(environment.get("cuda")),
        "container": described(environment.get("container")),
        "variables": some(
            [f"{text_of(name)}={text_of(value)}" for name, value in mapping_of(environment.get("variables")).items()],
            ", ",
        ),
        **{text_of(key): described(value) for key, value in environment.items() if key not in _KNOWN},
    }
    return [[Cell(key, "faint"), Cell(text_of(text))] for key, text in facts.items() if text]


def _packages(environment: Mapping[str, Any]) -> dict[str, str]:
    """The packages that the program imported, with their versions, and how many others there are."""
    packages, conda = mapping_of(environment.get("packages")), mapping_of(environment.get("conda"))
    names = [name for name in list_of(environment.get("imported")) if isinstance(name, str)]
    others = len(packages.keys() - set(names)) if names else len(packages)
    in_conda = len(mapping_of(conda.get("packages")))
    return {
        "imported": some([joined([name, packages.get(name)]) for name in names], ", "),
        "packages": (count_text(others, "other") if names else f"{others:,}") if others else "",
        "in conda": f"{in_conda:,} packages" if in_conda else "",
    }
