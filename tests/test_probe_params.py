"""What programs make of their command lines and configurations, as the probe says it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.params.command import capture_params
from gitxp.recording.folding import fold
from probed import Probed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def needs(*packages: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Leave a test to scripts/test --integration, which installs these packages."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        return pytest.mark.integration(pytest.mark.skipif(bool(missing), reason=f"without {', '.join(missing)}")(test))

    return mark


@pytest.fixture
def probed(tmp_path: Path) -> Probed:
    """A working tree in which to run programs."""
    return Probed(tmp_path)


ARGPARSE = """
    import argparse, enum, pathlib, sys
    class Mode(enum.Enum):
        FAST = 1
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="*", type=pathlib.Path)
    parser.add_argument("-b", "--batch-size", type=int, default=8)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("-v", action="count", default=0)
    parser.add_argument("--mode", type=Mode.__getitem__, default=Mode.FAST)
    parser.add_argument("--resume")
    parser.add_argument("--log", type=argparse.FileType("w"), default=None)
    parser.set_defaults(run=print)
"""
DEFAULTS: dict[str, Any] = {
    "data": [],
    "batch_size": 8,
    "layers": [1, 2],
    "lr": 1e-3,
    "amp": True,
    "v": 0,
    "mode": "FAST",
    "resume": None,
    "log": None,
}


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ([], {}),
        (["--lr", "0.1", "-b", "16"], {"lr": 0.1, "batch_size": 16}),
        (["-b8"], {"batch_size": 8}),
        (["--layers", "3", "4", "5", "--no-amp"], {"layers": [3, 4, 5], "amp": False}),
        (["-vv", "a.csv", "b.csv"], {"v": 2, "data": ["a.csv", "b.csv"]}),
        (["--resu", "x"], {"resume": "x"}),
        (["--log", "out.txt"], {"log": "out.txt"}),
        (["--lr", "inf"], {"lr": "inf"}),
    ],
)
def test_argparse(probed: Probed, words: list[str], changed: dict[str, Any]) -> None:
    """The namespace with its defaults, and which of it was given; functions are no parameters."""
    probed.run(f"{ARGPARSE}    parser.parse_args()", *words)
    assert probed.params("argparse") == DEFAULTS | changed
    assert probed.given() == set(changed)


def test_argparse_in_parts(probed: Probed) -> None:
    """`parse_known_args`, intermixed arguments and subcommands: the outermost parser has it all, and says it once."""
    probed.run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--seed", type=int, default=0)
        commands = parser.add_subparsers(dest="command")
        train = commands.add_parser("train")
        train.add_argument("--lr", type=float, default=1.0)
        train.add_argument("--depth", type=int, default=3)
        parser.parse_known_args()
        """,
        *["--seed", "1", "train", "--lr", "2", "--unknown", "x"],
    )
    assert probed.params("argparse") == {"seed": 1, "command": "train", "lr": 2.0, "depth": 3}
    assert probed.given() == {"seed", "command", "lr"}
    assert len(probed.said("params")) == 1


def test_argparse_intermixed(probed: Probed) -> None:
    """`parse_intermixed_args` parses twice; together the statements are right."""
    probed.run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1.0)
        parser.add_argument("files", nargs="*")
        assert parser.parse_intermixed_args() == argparse.Namespace(lr=2.0, files=["a", "b"])
        """,
        *["a", "--lr", "2", "b"],
    )
    assert probed.params("argparse") == {"lr": 2.0, "files": ["a", "b"]}
    assert "lr" in probed.given()


def test_argparse_of_others(probed: Probed) -> None:
    """What a library parses inside, and what a launcher has for itself, is no parameter; the user's own call is."""
    library = probed.root.parent / "lib" / "site-packages"
    library.mkdir(parents=True)
    (library / "library.py").write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--inner', default=1)\nparser.parse_args([])\n"
    )
    probed.run(
        """
        import argparse, library
        parser = argparse.ArgumentParser()
        parser.add_argument("--mine", default=1)
        parser.parse_args(["--mine", "2"])
        """,
        env={"PYTHONPATH": f"{probed.environ()['PYTHONPATH']}:{library}"},
    )
    assert probed.params("argparse") == {"mine": "2"}


@pytest.mark.parametrize(("name", "wanted"), [("torchrun", {}), ("mytrain", {"nproc": "2"})])
def test_programs_that_are_installed(probed: Probed, name: str, wanted: dict[str, Any]) -> None:
    """A program from outside of the repository tells its options, unless it is known to start others."""
    folder = probed.root.parent / "bin"
    folder.mkdir()
    (folder / name).write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--nproc')\nparser.parse_args()\n"
    )
    subprocess.run(
        [sys.executable, str(folder / name), "--nproc", "2"], env=probed.environ(), cwd=probed.root, check=True
    )
    assert probed.params("argparse") == wanted


def test_modules_that_are_installed(probed: Probed) -> None:
    """A launcher that is started by `-m` tells nothing of its own options, and the program that it starts tells its own."""
    library = probed.root.parent / "lib" / "site-packages"
    folder = library / "torch" / "distributed"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "run.py").write_text(
        "import argparse, runpy, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--nproc')\n"
        "_, sys.argv[1:] = parser.parse_known_args()\nrunpy.run_path(sys.argv[1], run_name='__main__')\n"
    )
    probed.run(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('file')\nparser.add_argument('--lr')\nparser.parse_args()\n",
        *["--lr", "0.5"],
        python=[sys.executable, "-m", "torch.distributed.run", "--nproc", "2"],
        env={"PYTHONPATH": f"{probed.environ()['PYTHONPATH']}:{library}"},
    )
    assert probed.params("argparse") == {"file": "main.py", "lr": "0.5"}


def test_mistakes_are_told_as_ever(probed: Probed) -> None:
    """`--help`, and words that a parser refuses, print and end as without the probe."""
    for words in (["--help"], ["--lr", "x"], ["--nothing"]):
        plain = probed.run(f"{ARGPARSE}    parser.parse_args()", *words, probe=False, check=False)
        done = probed.run(f"{ARGPARSE}    parser.parse_args()", *words, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    # of a word that is not known, the parser that tells of it knows nothing
    assert [facts["given"] for facts in probed.said("params")] == [[]]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before, a frame of ours is in the traceback")
@pytest.mark.parametrize(
    "raises", ["KeyError(word)", "Odd(word)", "SystemExit(word)", "KeyboardInterrupt", "ValueError(word)"]
)
def test_errors_of_a_type_are_shown_as_ever(probed: Probed, raises: str) -> None:
    """What a function that was given to argparse raises has the traceback that it has without us, in a subcommand, too."""
    code = f"""
        import argparse
        class Odd(Exception):
            def __setattr__(self, *_): raise RuntimeError("called")
        def number(word): raise {raises}
        parser = argparse.ArgumentParser()
        command = parser.add_subparsers().add_parser("train")
        command.add_argument("--n", type=number)
        parser.parse_args()
        """
    plain = probed.run(code, "train", "--n", "1", probe=False, check=False)
    done = probed.run(code, "train", "--n", "1", check=False)
    assert plain.stderr
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert probed.said("problem") == []


@needs("omegaconf")
def test_errors_of_omegaconf_are_shown_as_ever(probed: Probed) -> None:
    """So has what OmegaConf cannot load."""
    code = "from omegaconf import OmegaConf\nOmegaConf.load('none.yaml')"
    assert probed.run(code, check=False).stderr == probed.run(code, probe=False, check=False).stderr


def test_parsers_without_end(probed: Probed) -> None:
    """A program that parses all the time is heard a hundred times, and then once more, at its end, of the last time."""
    probed.run(
        """
        import argparse
        for number in range(300):
            parser = argparse.ArgumentParser()
            parser.add_argument("--n", default=number)
            parser.parse_args([])
        """
    )
    assert len(probed.said("params")) == 101
    assert probed.params("argparse") == {"n": 299}


def test_parsers_without_end_and_a_child(probed: Probed) -> None:
    """A forked child says what it parsed last itself, and nothing of what its parent did."""
    probed.run(
        """
        import argparse, os
        def parse(number):
            parser = argparse.ArgumentParser()
            parser.add_argument("--n", default=number)
            parser.parse_args([])
        for number in range(150): parse(number)
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        """
    )
    said = [facts["params"]["n"] for facts in probed.said("params")]
    assert said == [*range(100), 149]


def test_odd_values(probed: Probed) -> None:
    """Values that JSON does not have are told as what they are, or left out; nothing of the user's is called for it."""
    probed.run(
        """
        import argparse, collections, dataclasses, datetime, decimal
        class Loud:
            def __str__(self): raise RuntimeError("called")
            __repr__ = __getattr__ = __iter__ = __float__ = __str__
        class Name(str):
            def __str__(self): raise RuntimeError("called")
        @dataclasses.dataclass
        class Model:
            depth: int = 3
            loud: object = None
        deep = []
        for _ in range(1000): deep = [deep]
        circle = {}
        circle["self"] = circle
        values = dict(
            loud=Loud(), name=Name("x"), model=Model(), when=datetime.date(2026, 1, 2), price=decimal.Decimal("1.50"),
            kind=int, words={"b", }, order=collections.OrderedDict(a=1), deep=deep, circle=circle, data=b"x", nan=float("nan"),
            big=10**400, long="y" * 100_000, numbers=range(3), call=len, text="\\ud800",
        )
        parser = argparse.ArgumentParser()
        parser.set_defaults(**values)
        parser.parse_args([])
        """
    )
    params = probed.params("argparse")
    assert probed.said("problem") == []
    assert {key: value for key, value in params.items() if key not in {"deep", "circle", "long"}} == {
        "big": str(10**400),
        "name": "x",
        "model": {"depth": 3, "loud": None},
        "when": "2026-01-02",
        "price": "1.50",
        "kind": "builtins.int",
        "words": ["b"],
        "order": {"a": 1},
        "nan": "nan",
        "numbers": [0, 1, 2],
        "text": "\ud800",
    }
    assert 4000 < len(params["long"]) < 5000
    assert str(params["deep"]).count("[") < 20


def test_very_many_parameters(probed: Probed) -> None:
    """More than one statement holds are said in several."""
    probed.run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.set_defaults(**{f"p{n}": "x" * 1000 for n in range(200)})
        parser.parse_args([])
        """
    )
    assert len(probed.params("argparse")) == 200


CLICK = """
    import click
    @click.group()
    @click.option("--seed", default=0)
    def cli(seed): pass
    @cli.command()
    @click.option("--lr", default=0.1, show_default=True)
    @click.option("--depth", default=3)
    @click.option("--layers", multiple=True, type=int, default=(1, 2))
    @click.option("--token", hide_input=True, prompt=True)
    @click.argument("data", type=click.Path())
    def train(lr, depth, layers, token, data):
        open("ran", "w").close()
        1 / depth
    cli()
"""


def test_click(probed: Probed) -> None:
    """The options of all commands of the line, before the command begins; of what is not echoed, it is said that it is so."""
    probed.run(CLICK, "--seed", "5", "train", "--lr", "0.2", "--token", "secret", "x.csv")
    assert probed.params("click") == {
        "seed": 5,
        "lr": 0.2,
        "depth": 3,
        "layers": [1, 2],
        "token": "secret",
        "data": "x.csv",
    }
    assert [facts["hidden"] for facts in probed.said("params")] == [[], ["token"]]
    assert probed.given() == {"seed", "lr", "token", "data"}
    kinds = [
        statement.kind
        for statement in probed.statements()
        if statement.facts.get("written") or statement.kind == "params"
    ]
    assert kinds[:2] == ["params", "params"]


def test_click_hides(probed: Probed) -> None:
    """What is typed at a prompt that does not echo it, or comes from a variable, is not said."""
    probed.run(
        CLICK.replace("cli()", "cli(auto_envvar_prefix='MY')"), "train", "x.csv", env={"MY_TRAIN_TOKEN": "c1nary"}
    )
    assert probed.params("env") == {"token": "<redacted>"}
    assert not any(b"c1nary" in path.read_bytes() for path in probed.live.rglob("*.jsonl"))


def test_click_takes_variables(probed: Probed) -> None:
    """An option's value from a variable is no default: its source is `env`. The command line is above it."""
    variables = {"MY_SEED": "7", "MY_TRAIN_LR": "0.3", "MY_TRAIN_DEPTH": "4"}
    words = ["train", "--depth", "5", "--token", "x", "d.csv"]
    probed.run(CLICK.replace("cli()", "cli(auto_envvar_prefix='MY')"), *words, env=variables)
    assert probed.params("env") == {"seed": 7, "lr": 0.3}
    assert probed.params("click") == {"depth": 5, "layers": [1, 2], "token": "x", "data": "d.csv"}
    assert probed.given() == {"depth", "token", "data"}


def test_click_fails_as_ever(probed: Probed) -> None:
    """A traceback of the user's command has no line of ours; mistakes and help are as without the probe."""
    for words in (
        ["train", "--depth", "0", "--token", "x", "d"],
        ["train", "--help"],
        ["train", "--lr", "x"],
        ["--nothing"],
    ):
        plain = probed.run(CLICK, *words, probe=False, check=False)
        done = probed.run(CLICK, *words, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)


@needs("typer")
def test_typer(probed: Probed) -> None:
    """Typer's commands are click's, and go by its name."""
    probed.run(
        """
        import typer
        def main(data: str, lr: float = 0.1, depth: int = 3): pass
        typer.run(main)
        """,
        *["x.csv", "--lr", "0.2"],
    )
    assert probed.params("typer") == {"data": "x.csv", "lr": 0.2, "depth": 3}
    assert probed.given() == {"data", "lr"}


@needs("absl")
def test_absl(probed: Probed) -> None:
    """The flags of the program and of its modules, and none of absl's own."""
    probed.write("model.py", "from absl import flags\nflags.DEFINE_integer('depth', 3, 'help')\n")
    probed.run(
        """
        from absl import app, flags
        import model
        flags.DEFINE_float("lr", 0.1, "help")
        flags.DEFINE_list("layers", ["1", "2"], "help")
        flags.DEFINE_bool("amp", True, "help")
        def main(argv): pass
        app.run(main)
        """,
        *["--lr=0.2", "--noamp"],
    )
    assert probed.params("absl") == {"lr": 0.2, "layers": ["1", "2"], "amp": False, "depth": 3}
    assert probed.given() == {"lr", "amp"}


@needs("fire")
@pytest.mark.parametrize("words", [["x.csv", "--lr=0.2", "--noamp"], ["--data=x.csv", "--lr", "0.2", "--amp=False"]])
def test_fire(probed: Probed, words: list[str]) -> None:
    """The arguments of the function that is called, with its defaults."""
    probed.run(
        """
        import fire
        def train(data, lr=0.1, depth=3, amp=True): pass
        fire.Fire(train)
        """,
        *words,
    )
    assert probed.params("fire") == {"data": "x.csv", "lr": 0.2, "depth": 3, "amp": False}
    assert probed.given() == {"data", "lr", "amp"}


@needs("fire")
def test_fire_with_classes(probed: Probed) -> None:
    """Those of a class are there, too, and free keywords."""
    probed.run(
        """
        import fire
        class Trainer:
            def __init__(self, seed=1): pass
            def train(self, lr=0.1, **others): pass
        fire.Fire(Trainer)
        """,
        *["--seed=5", "train", "--lr=0.2", "--momentum=0.9"],
    )
    assert probed.params("fire") == {"seed": 5, "lr": 0.2, "momentum": 0.9}


HYDRA = """
    import hydra
    from omegaconf import OmegaConf
    OmegaConf.register_new_resolver("mine", lambda: open("resolved", "w"))
    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def main(config):
        open("ran", "w").close()
    main()
"""


def configured(probed: Probed) -> None:
    """A configuration of groups."""
    probed.write(
        "conf/config.yaml",
        "defaults:\n  - db: mysql\n  - _self_\nlr: 0.1\nwidth: ${db.port}\nname: run-${lr}\nodd: ${mine:}\n",
    )
    probed.write("conf/db/mysql.yaml", "driver: mysql\nport: 3306\n")
    probed.write("conf/db/postgres.yaml", "driver: postgres\nport: 5432\n")


@needs("hydra")
def test_hydra(probed: Probed) -> None:
    """The composed configuration with its references put in place, and the overrides; no resolver is called for it."""
    configured(probed)
    probed.run(HYDRA, "db=postgres", "lr=0.5", "+extra.depth=3")
    assert probed.params("hydra") == {
        "db": {"driver": "postgres", "port": 5432},
        "lr": 0.5,
        "width": 5432,
        "name": "run-0.5",
        "odd": "${mine:}",
        "extra": {"depth": 3},
    }
    assert probed.given() == {"db", "lr", "extra.depth"}
    said = probed.said("params")
    assert {facts["source"] for facts in said} == {"hydra"}
    assert said[0]["overrides"] == ["db=postgres", "lr=0.5", "+extra.depth=3"]
    assert not (probed.root / "resolved").exists()
    assert "ran" in {path.rpartition("/")[2] for path in probed.files().written}


@needs("hydra")
def test_hydra_in_a_sweep(probed: Probed) -> None:
    """Of a multirun, each job's configuration is told as one of several, and that of the whole, which nobody runs with, is not."""
    configured(probed)
    probed.run(HYDRA, "--multirun", "lr=0.5,0.7", "+x=1")
    whole, first, second = probed.said("params")
    assert (whole["params"], "job" in whole) == ({"hydra": {"mode": "MULTIRUN"}}, False)
    assert (first["job"], first["params"]["lr"], first["params"]["width"]) == (True, 0.5, 3306)
    assert (second["job"], second["params"]) == (True, {"lr": 0.7, "name": "run-0.7"})
    assert probed.given() == {"lr", "x"}


@needs("hydra")
def test_hydra_in_a_sweep_as_recorded(probed: Probed) -> None:
    """What all jobs have is as ever, what differs is a list; what was typed for it is not taken for a value."""
    configured(probed)
    words = ["-m", "lr=0.5,0.7", "db=mysql,postgres", "+layers=[1,2],[3]"]
    probed.run(HYDRA, *words)
    params, sources, _ = capture_params([sys.executable, "main.py", *words], str(probed.root), ())
    record: dict[str, Any] = {"params": params, "param_sources": sources}
    fold(record, {}, probed.statements())
    assert record["params"] == {
        "db.driver": ["mysql", "postgres"],
        "db.port": [3306, 5432],
        "hydra.mode": "MULTIRUN",
        "layers": ["[1, 2]", "[3]"],
        "lr": [0.5, 0.7],
        "name": ["run-0.5", "run-0.7"],
        "odd": "${mine:}",
        "width": [3306, 5432],
    }
    assert {name for name, source in record["param_sources"].items() if source == "argv"} == {"lr", "layers"}


@needs("omegaconf")
def test_omegaconf(probed: Probed) -> None:
    """What the program loads and merges itself."""
    probed.write("base.yaml", "lr: 0.1\nmodel: {depth: 3, width: '${model.depth}'}\n")
    probed.run(
        """
        from omegaconf import OmegaConf
        config = OmegaConf.merge(OmegaConf.load("base.yaml"), OmegaConf.from_cli())
        """,
        "model.depth=5",
    )
    assert probed.params("omegaconf") == {"lr": 0.1, "model": {"depth": 5, "width": 5}}
    assert probed.files().read["base.yaml"] is False


@needs("jsonargparse")
def test_jsonargparse(probed: Probed) -> None:
    """Nested options with their defaults, as LightningCLI has them."""
    probed.run(
        """
        from jsonargparse import ArgumentParser
        class Model:
            def __init__(self, depth: int = 3, width: int = 8): pass
        parser = ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_class_arguments(Model, "model")
        parser.parse_args()
        """,
        *["--model.depth", "5", "--lr=0.2"],
    )
    assert probed.params("argparse") == {"lr": 0.2, "model": {"depth": 5, "width": 8}}
    assert probed.given() == {"lr", "model.depth"}


@needs("configargparse")
def test_configargparse(probed: Probed) -> None:
    """What stands between the user's code and argparse is seen through."""
    probed.write("c.ini", "lr = 0.7\n")
    probed.run(
        """
        import configargparse
        parser = configargparse.ArgParser(default_config_files=["c.ini"])
        parser.add("--lr", type=float, default=0.1)
        parser.add("--depth", type=int, default=1)
        parser.parse_args()
        """
    )
    assert probed.params("argparse") == {"lr": 0.7, "depth": 1}


@needs("absl", "ml_collections")
def test_absl_with_configurations(probed: Probed) -> None:
    """The configuration of a flag is there in its parts, and given is what was given of it."""
    probed.write(
        "conf.py",
        "import ml_collections\ndef get_config():\n    return ml_collections.ConfigDict({'lr': 0.1, 'depth': 3})\n",
    )
    probed.run(
        """
        from absl import app
        from ml_collections import config_flags
        config_flags.DEFINE_config_file("config", "conf.py")
        app.run(lambda argv: None)
        """,
        "--config.lr=0.5",
    )
    assert probed.params("absl")["config"] == {"lr": 0.5, "depth": 3}
    assert probed.given() == {"config.lr"}
