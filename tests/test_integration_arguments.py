"""Command lines that other projects' own examples parse: click's, Typer's documentation, Hydra's and Fire's tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from programs import Programs, params, paths
from sdists import sdist

if TYPE_CHECKING:
    from conftest import Git, Gitxp

pytestmark = pytest.mark.integration


@pytest.fixture
def programs(repo: str, gitxp: Gitxp, git: Git) -> Programs:
    """A repository in which to run them."""
    return Programs(repo, gitxp, git)


def package(name: str) -> Path:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"without {name}")
    return Path(spec.origin).parent


def installed(programs: Programs, module: str) -> str:
    """The script that pip writes for the entry point `cli` of a module."""
    programs.write(f"run-{module}", f"import sys\nfrom {module} import cli\nsys.exit(cli())\n")
    return f"run-{module}"


@pytest.mark.parametrize(
    ("example", "words", "status", "wanted"),
    [
        (
            "naval",
            ["ship", "move", "Titanic", "1", "2.5"],
            0,
            {"ship": ("Titanic", "argv"), "x": (1.0, "argv"), "y": (2.5, "argv"), "speed": (10, "click")},
        ),
        (
            "naval",
            ["mine", "set", "--drifting", "3", "4"],
            0,
            {"x": (3, "argv"), "y": (4, "argv"), "ty": ("drifting", "argv")},
        ),
        ("validation", ["--count", "4"], 0, {"count": (4, "argv"), "foo": ("null", "click"), "url": ("null", "click")}),
        ("validation", ["--count", "3"], 2, None),
        ("validation", ["--help"], 0, None),
    ],
)
def test_examples_of_click(
    programs: Programs, example: str, words: list[str], status: int, wanted: dict[str, Any] | None
) -> None:
    """What the command line gave, and the defaults of the rest; what it refuses, fails as ever."""
    programs.take(sdist("click", f"examples/{example}/{example}.py"))
    record = programs.run("python", installed(programs, example), *words, status=status)
    assert wanted is None or params(record) == wanted


def test_files_of_click(programs: Programs) -> None:
    """Its copy program reads data and writes an output, which are known by their fingerprints."""
    programs.take(sdist("click", "examples/inout/inout.py"))
    programs.write("data/a", "first\n")
    programs.write("data/b", "second\n")
    record = programs.run("python", installed(programs, "inout"), "data/a", "data/b", "both.txt")
    assert paths(record["data"]) == ["data/a", "data/b"]
    assert paths(record["outputs"]) == ["both.txt"]
    assert programs.artifact("both.txt") == b"first\nsecond\n"


@pytest.mark.parametrize(
    ("tutorial", "words", "status", "wanted"),
    [
        (
            "parameter_types/number/tutorial001",
            ["5", "--age", "30"],
            0,
            {"ID": (5, "argv"), "age": (30, "argv"), "score": (0, "typer")},
        ),
        ("parameter_types/number/tutorial001", ["5", "--age", "3"], 2, None),
        ("parameter_types/enum/tutorial001", ["--network", "lstm"], 0, {"network": ("lstm", "argv")}),
        ("options/callback/tutorial001", ["--name", "Camila"], 0, {"name": ("Camila", "argv")}),
        ("terminating/tutorial002", ["root"], 1, {"username": ("root", "argv")}),
    ],
)
def test_documentation_of_typer(
    programs: Programs, tutorial: str, words: list[str], status: int, wanted: dict[str, Any] | None
) -> None:
    """The programs of its tutorial: arguments, options, enumerations, refusals and exits of its own."""
    name = programs.take(sdist("typer", f"docs_src/{tutorial}.py"), "app.py")
    record = programs.run("python", name, *words, status=status)
    assert wanted is None or params(record) == wanted
    assert "typer" in programs.environment()["imported"]


def test_application_of_hydra(programs: Programs) -> None:
    """The composed configuration of the application that Hydra is tested with, and the overrides; its password is hidden."""
    programs.take(package("hydra") / "test_utils", "app")
    record = programs.run("python", "app/example_app.py", "db=postgresql", "db.timeout=20")
    assert params(record) == {
        "db": ("postgresql", "argv"),
        "db.driver": ("postgresql", "hydra"),
        "db.user": ("postgres_user", "hydra"),
        "db.password": ("<redacted>", "hydra"),
        "db.timeout": (20, "argv"),
    }
    written = {path.rpartition("/")[2]: path for path in paths(record["outputs"])}
    assert set(written) == {"config.yaml", "hydra.yaml", "overrides.yaml", "example_app.log"}
    assert programs.artifact(written["overrides.yaml"]) == b"- db=postgresql\n- db.timeout=20\n"
    assert {"hydra-core", "omegaconf"} <= set(programs.environment()["imported"])


def test_sweep_of_hydra(programs: Programs) -> None:
    """A sweep of it is one run, whose outputs are those of all jobs."""
    programs.take(package("hydra") / "test_utils", "app")
    record = programs.run(
        "python", "app/example_app.py", "--multirun", "db=mysql,postgresql", "hydra.sweep.dir=out", "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    )  # fmt: skip
    assert {path.split("/")[1] for path in paths(record["outputs"])} == {"0", "1", "multirun.yaml"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["MixedDefaults", "sum", "--alpha=3"], {"alpha": (3, "argv"), "beta": (0, "fire")}),
        (["multiplier_with_docstring", "4"], {"num": (4, "argv"), "rate": (2, "fire")}),
    ],
)
def test_components_of_fire(programs: Programs, words: list[str], wanted: dict[str, Any]) -> None:
    """The components that Fire is tested with, by their own program."""
    folder = package("fire")
    programs.take(folder / "test_components_bin.py")
    assert params(programs.run("python", "test_components_bin.py", *words)) == wanted


def test_under_coverage(programs: Programs) -> None:
    """Coverage sees the same lines of a program with the probe as without."""
    package("coverage")
    programs.take(sdist("click", "examples/validation/validation.py"))
    name = installed(programs, "validation")
    programs.write(
        "both.sh", f"coverage run {name} --count 4 && coverage report && coverage report --show-missing | tail -n 1\n"
    )
    record = programs.run("sh", "both.sh")
    assert params(record)["count"] == (4, "argv")


def test_suite_of_tensorboardx(programs: Programs) -> None:
    """What tensorboardX's own test logs is found, as if it were anybody's program: parameters of 36 trials, and metrics."""
    package("tensorboardX")
    programs.take(sdist("tensorboardX", "tests/test_hparams.py"))
    record = programs.run("sh", "-c", f"{sys.executable} -m unittest test_hparams 2>&1 | sed 's/ in .*s//'")
    assert {name for name, (_, source) in params(record).items() if source == "tensorboard"} >= {
        "lr",
        "bsize",
        "n_hidden",
        "bn",
    }
    assert {name.rpartition("/")[2] for name in record["metrics"]} == {"accuracy", "loss"}
    assert "tensorboardx" in programs.environment()["imported"]
