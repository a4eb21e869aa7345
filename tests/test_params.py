from __future__ import annotations

import json
import os
import shlex
import string
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.documents import DocumentError, decode_yaml, flatten
from gitxp.capture.launchers import program_arguments
from gitxp.capture.params import MAX_PARAMS, capture_params, from_command, from_options
from gitxp.capture.scalars import is_number, scalar, value
from gitxp.errors import UsageError
from gitxp.format import encode_json

if TYPE_CHECKING:
    from pathlib import Path


def params(line: str, cwd: Path | str = "/") -> dict[str, Any]:
    """The parameters of a command line."""
    return from_command(shlex.split(line), str(cwd))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        ("+5", 5),
        ("0.1", 0.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-4", 1e-4),
        ("1E4", 1e4),
        ("-2.5e+3", -2500.0),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        (".inf", "inf"),
        ("-.Inf", "-inf"),
        (".NaN", "nan"),
        ("nan", "nan"),
        ("yes", "yes"),
        ("off", "off"),
        ("null", "null"),
        ("~", "~"),
        ("", ""),
        ("1:30", "1:30"),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("-007", "-007"),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        ("1e999", "1e999"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("9" * 5000, "9" * 5000),
        ("1-2", "1-2"),
        ("e5", "e5"),
        ("-", "-"),
        ("-.", "-."),
        (".", "."),
        ("--1", "--1"),
        ("٣", "٣"),
        (" 1", " 1"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalar(text: str, expected: object) -> None:
    """A word is a number or a boolean only where nobody can be surprised by it."""
    assert scalar(text) == expected
    assert type(scalar(text)) is type(expected)


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_scalar_round_trip(thing: float) -> None:
    """Whatever Python or YAML prints for a number or a boolean is read back equal and of the same type."""
    text = str(thing).lower()
    assert scalar(text) == thing
    assert type(scalar(text)) is type(thing)


@given(st.text())
def test_scalar_is_total(text: str) -> None:
    """Any text has a value that canonical JSON can hold, and what is no number or boolean stays as it is."""
    thing = value(text)
    encode_json(thing)
    if isinstance(thing, str) and thing not in {"nan", "inf", "-inf"}:
        assert thing == text


@given(st.text(alphabet=string.digits + "+-.eE", max_size=12))
def test_scalar_agrees_with_yaml(text: str) -> None:
    """A number on the command line is the number that a configuration file would give."""
    thing = scalar(text)
    if is_number(text):
        assert decode_yaml(text.encode()) == thing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[64,32]", [64, 32]),
        ("[a, 0.5, true]", ["a", 0.5, True]),
        ("[]", []),
        ("[[1],[2]]", "[[1],[2]]"),
        ("['a']", "['a']"),
        ("[", "["),
        ("{a:1}", "{a:1}"),
    ],
)
def test_flow_list(text: str, expected: object) -> None:
    """`[64,32]` is a list of scalars; anything that needs a real parser stays text."""
    assert value(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--lr 0.1", {"lr": 0.1}),
        ("--lr=0.1", {"lr": 0.1}),
        ("--lr=", {"lr": ""}),
        ("--expr=a=b", {"expr": "a=b"}),
        ("-b 32", {"b": 32}),
        ("-lr 0.1", {"lr": 0.1}),
        ("-b32 -O2", {}),
        ("--flag", {"flag": True}),
        ("--flag --lr 1", {"flag": True, "lr": 1}),
        ("--no-amp", {"amp": False}),
        ("--no_cuda data.csv", {"cuda": False}),
        ("--no-repeat-ngram-size 3", {"no_repeat_ngram_size": 3}),
        ("--amp --no-amp", {"amp": False}),
        ("-v -v", {"v": True}),
        ("--learning-rate 1e-4", {"learning_rate": 1e-4}),
        ("--model.lr 1 --model.head-dim 2", {"model.lr": 1, "model.head_dim": 2}),
        ("--shift -1", {"shift": -1}),
        ("--shift -.5 --x -1e-3", {"shift": -0.5, "x": -1e-3}),
        ("--range -1 1", {"range": [-1, 1]}),
        ("--layers 64 32 --lr 1", {"layers": [64, 32], "lr": 1}),
        ("--lr 0.1 data.csv", {"lr": 0.1}),
        ("data.csv 5 -3 --lr 1", {"lr": 1}),
        ("--tag a --tag b --tag c", {"tag": ["a", "b", "c"]}),
        ("--n 1 2 --n 3", {"n": [1, 2, 3]}),
        ("--in -", {"in": "-"}),
        ("--lr 1 -- --not 2 x=3", {"lr": 1}),
        ("--flag -- file", {"flag": True}),
        ("lr=0.1 +a.b=1 ++c=x ~d ~e=1", {"lr": 0.1, "a.b": 1, "c": "x"}),
        ("db/schema=school model@enc=big", {"db/schema": "school", "model@enc": "big"}),
        ("lr=1 lr=2", {"lr": 2}),
        ("layers=[64,32]", {"layers": [64, 32]}),
        ("--multirun lr=0.1,0.2", {"multirun": True, "lr": "0.1,0.2"}),
        ("https://x.org/?a=b data/year=2024/part.csv =x 1=2", {}),
        ("--=x --1=2 '--a b=c' '--a b'", {}),
        ("''", {}),
        ("--name ''", {"name": ""}),
        ("--größe 3", {"größe": 3}),
    ],
)
def test_arguments(line: str, expected: dict[str, Any]) -> None:
    """Options, flags and overrides are parameters as argparse and Hydra would name them; positional words are none."""
    assert params(f"python train.py {line}") == expected


@pytest.mark.parametrize(
    "start",
    [
        "python train.py",
        "python3.12 -u -O train.py",
        "/usr/bin/python3 -W ignore -X dev train.py",
        "python -m pkg.train",
        "python -um pkg.train",
        "python -mpkg.train",
        "python -c code",
        "python -",
        "./train",
        "train",
        "bash train.sh",
        "bash -e -o pipefail train.sh",
        "sh -c 'train $@'",
        "env A=b C=--d python train.py",
        "env -i -u X -C /tmp ./train",
        "nice -n 5 timeout -k 3 10 python train.py",
        "uv run train.py",
        "uv run --with numpy --extra gpu python train.py",
        "uv --quiet run -m pkg.train",
        "uv run -- python train.py",
        "poetry run python train.py",
        "conda run -n ml --no-capture-output python train.py",
        "torchrun --nproc_per_node 2 --standalone train.py",
        "torchrun --nnodes=1 -m pkg.train",
        "python -m torch.distributed.run --nproc_per_node 2 train.py",
        "uv run torchrun --nproc-per-node 2 train.py",
        "accelerate launch --mixed_precision fp16 --multi_gpu train.py",
        "deepspeed --num_gpus 2 train.py",
        "mpirun -np 4 -x FOO python train.py",
        "srun -n 4 --gres=gpu:1 python train.py",
        "coverage run --source pkg -m pkg.train",
    ],
)
def test_launchers(start: str) -> None:
    """What starts the program adds no parameters and hides none."""
    assert program_arguments(shlex.split(f"{start} --lr 0.1 x"), "/") == ["--lr", "0.1", "x"]


def test_launcher_with_another_subcommand() -> None:
    """`uv sync` runs no program of the user's: uv itself is the program."""
    assert program_arguments(["uv", "pip", "--lr", "1"], "/") == ["pip", "--lr", "1"]


def test_own_script_named_like_a_launcher(tmp_path: Path) -> None:
    """A file of the user's own that is called `time` is their program."""
    (tmp_path / "time").touch()
    assert program_arguments(["./time", "a", "b"], str(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("command", [[], ["python"], ["env"], ["uv"], ["uv", "run"], ["python", "-m"], ["env", "-u"]])
def test_command_without_a_program(command: list[str]) -> None:
    """A command that stops short has no parameters and is no error."""
    assert from_command(command, "/") == ({}, {}, [])


@given(st.lists(st.text(max_size=8) | st.sampled_from(["--", "-a", "--b", "x=1", "python", "env", "-m", "~a", "-1"])))
def test_any_command(command: list[str]) -> None:
    """No command, however odd, makes the capture fail, and each parameter has a source."""
    found, sources, _ = from_command(command, "/nonexistent")
    assert found.keys() == sources.keys()
    encode_json(found)


def test_config_files(tmp_path: Path) -> None:
    """Files named in a command give dotted parameters; argv is above them, --param above argv, the later file wins."""
    (tmp_path / "a.yaml").write_text("lr: 1e-4\nmodel: {depth: 12, act: relu}\nlayers: [64, 32]\nname: a\n")
    (tmp_path / "b.json").write_text('{"name": "b", "opt": [{"kind": "sgd"}, {"kind": "adam"}], "none": null}')
    (tmp_path / "c.TOML").write_text("seed = 7\nwhen = 2026-01-02\n[data]\npath = 'x'\n")
    command = ["python", "t.py", "a.yaml", "--config", "b.json", "--more=c.TOML", "model.depth=24", "--seed", "8"]
    found, sources, warnings = capture_params(command, str(tmp_path), ["seed=9"])
    assert warnings == []
    assert found == {
        "lr": 1e-4,
        "model.depth": 24,
        "model.act": "relu",
        "layers": [64, 32],
        "name": "b",
        "opt.0.kind": "sgd",
        "opt.1.kind": "adam",
        "none": "null",
        "seed": 9,
        "when": "2026-01-02",
        "data.path": "x",
        "config": "b.json",
        "more": "c.TOML",
    }
    assert sources["lr"] == "config:a.yaml"
    assert sources["name"] == "config:b.json"
    assert sources["data.path"] == "config:c.TOML"
    assert sources["model.depth"] == sources["config"] == "argv"
    assert sources["seed"] == "option"


def test_config_outside_the_working_directory(tmp_path: Path) -> None:
    """A file is found by an absolute path and by `..` as well."""
    (tmp_path / "run").mkdir()
    (tmp_path / "a.yml").write_text("x: 1")
    for path in ("../a.yml", str(tmp_path / "a.yml")):
        found, sources, _ = from_command(["t", path], str(tmp_path / "run"))
        assert found == {"x": 1}
        assert sources == {"x": f"config:{path}"}


def test_launchers_own_config(tmp_path: Path) -> None:
    """A file that only the launcher's options name counts: it configures what runs."""
    (tmp_path / "acc.yaml").write_text("num_processes: 2")
    assert params("accelerate launch --config_file acc.yaml train.py", tmp_path) == {"num_processes": 2}


def test_hydra_deletion(tmp_path: Path) -> None:
    """`~model` takes the file's `model` and all below it away."""
    (tmp_path / "a.yaml").write_text("model: {a: 1, b: {c: 2}}\nmodels: 3")
    assert params("t a.yaml ~model", tmp_path) == {"models": 3}


@pytest.mark.parametrize(
    "line",
    [
        "t package.json",
        "t --out a.json",
        "t --metrics-file=a.json",
        "t save_to=a.json",
        "t metrics.json",
        "t a.yaml/b.json",
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, line: str) -> None:
    """What a run writes, and what belongs to a package manager, holds no parameters of this run."""
    for name in ("package.json", "a.json", "metrics.json", "a.yaml"):
        (tmp_path / name).write_text('{"secret_sauce": 1}')
    assert "secret_sauce" not in params(line, tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", b"a: [1"),
        ("a.yaml", b"a: \xff"),
        ("a.yaml", b"a: 1\n---\nb: 2\n"),
        ("a.yaml", b"[" * 30_000),
        ("a.yaml", b"{a: " * 15_000),
        ("a.yaml", b"- " * 300_000),
        ("a.yaml", b"a: &x [*x]"),
        ("a.yaml", b"? [a]\n: 1"),
        ("a.yaml", b"a: &a {k: 1}\nb: {<<: [" + b"*a," * 5000 + b"]}"),
        ("a.json", b'{"a": '),
        ("a.json", b"[" * 500_000),
        ("a.json", b'{"a": ' * 50_000),
        ("a.json", b'{"a": ' + b"9" * 10_000 + b"}"),
        ("a.toml", b"a = "),
        ("a.toml", b"a = " + b"[" * 100_000),
        ("a.yaml", b"#" * (1024 * 1024 + 1)),
    ],
)
def test_broken_config(tmp_path: Path, name: str, content: bytes) -> None:
    """A broken, hostile or huge file is left out and said, and argv's parameters are there all the same."""
    (tmp_path / name).write_bytes(content)
    found, _, warnings = from_command(["t", name, "--lr", "1"], str(tmp_path))
    assert found == {"lr": 1}
    assert len(warnings) == 1
    assert name in warnings[0]


def test_unreadable_config(tmp_path: Path) -> None:
    """A FIFO does not make us wait, and a folder is left out and said."""
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "folder.json").mkdir()
    found, _, warnings = from_command(["t", "fifo.yaml", "folder.json", "absent.toml", "a\0b.json"], str(tmp_path))
    assert found == {}
    assert ["fifo.yaml" in warnings[0], "folder.json" in warnings[1], len(warnings)] == [True, True, 3]


def test_alias_bomb() -> None:
    """Nine levels of nine aliases have 387 million values: they are refused after a few thousand."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    with pytest.raises(DocumentError, match="values"):
        list(flatten(decode_yaml(bomb.encode())))


def test_merge_bomb() -> None:
    """Merge keys that multiply at every level are refused."""
    bomb = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12))
    with pytest.raises(DocumentError, match="merged"):
        decode_yaml(bomb.encode())


def test_yaml_as_programs_read_it() -> None:
    """Merge keys, unknown tags and PyYAML's booleans work; dates, octal and base-60 numbers stay text."""
    text = "a: &a {x: 1}\nb: {<<: *a, y: !Custom z}\nc: yes\nd: 2026-01-02\ne: 1:30\nf: 017\ng: !!set {p, q}\nh: 0x1f\n"
    assert dict(flatten(decode_yaml(text.encode()))) == {
        "a.x": 1,
        "b.x": 1,
        "b.y": "z",
        "c": True,
        "d": "2026-01-02",
        "e": "1:30",
        "f": "017",
        "g": ["p", "q"],
        "h": "0x1f",
    }


def test_nothing_is_built_or_run() -> None:
    """A tag that asks for a Python object gives its plain arguments."""
    assert decode_yaml(b"a: !!python/object/apply:os.system ['false']") == {"a": ["false"]}


def test_numbers_that_json_cannot_hold() -> None:
    """The numbers nan and the infinities become docs/format.md's text, and whole numbers over 64 bits theirs."""
    found = dict(
        flatten({"a": float("nan"), "b": [float("-inf"), 1.5], "c": 2**64, 1: True, False: 2.0, "e": {}, "f": []})
    )
    assert found == {"a": "nan", "b": ["-inf", 1.5], "c": str(2**64), "1": True, "false": 2.0, "f": []}


_keys = st.text(string.ascii_letters, min_size=1, max_size=5)
_leaves = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _keys
_trees = st.dictionaries(
    _keys, st.recursive(_leaves, lambda inner: st.dictionaries(_keys, inner, min_size=1)), max_size=5
)


@given(_trees)
def test_same_from_yaml_and_json(tree: dict[str, Any]) -> None:
    """One document gives the same parameters, whether it is written as YAML or as JSON."""
    text = yaml.safe_dump(tree)
    assert list(flatten(decode_yaml(text.encode()))) == list(flatten(yaml.safe_load(text)))
    assert dict(flatten(json.loads(json.dumps(tree)))) == dict(flatten(tree))


def test_toml_values() -> None:
    """TOML's arrays of tables go by index, its dates are text, its nan has a name."""
    found = dict(flatten(tomllib.loads("a = nan\nb = 1979-05-27T07:32:00Z\n[[c]]\nd = 1\n[[c]]\nd = 2\n")))
    assert found == {"a": "nan", "b": "1979-05-27T07:32:00+00:00", "c.0.d": 1, "c.1.d": 2}


def test_too_many_and_too_long(tmp_path: Path) -> None:
    """A file with thousands of keys cannot swell the record: argv's are kept first, and the rest is said."""
    (tmp_path / "a.json").write_text(json.dumps({f"k{i}": i for i in range(3000)} | {"text": "x" * 5000}))
    found, sources, warnings = from_command(["t", "a.json", "--lr", "1", "--prompt", "y" * 9000], str(tmp_path))
    assert len(found) == len(sources) == MAX_PARAMS
    assert found["lr"] == 1
    assert "prompt" not in found
    assert "text" not in found
    assert any("2,001 parameters" in warning for warning in warnings)
    assert any("'prompt'" in warning for warning in warnings)


def test_from_options() -> None:
    """`--param K=V` takes typed values, the last of equal names, and anything behind the first `=`."""
    assert from_options(["lr=0.1", "a.b=x=y", "lr=2", "e=", "l=[1,2]"]) == {"lr": 2, "a.b": "x=y", "e": "", "l": [1, 2]}


@pytest.mark.parametrize("item", ["lr", "=1", "", "a b=1", "-x=1", "a\n=1", "x" * 300 + "=1"])
def test_bad_option(item: str) -> None:
    """What is not NAME=VALUE is a usage error that shows it."""
    with pytest.raises(UsageError, match="NAME=VALUE"):
        from_options([item])


def test_light_import() -> None:
    """Parameters of a command that names no file need no yaml, no json beyond what the format needs, no dataclasses."""
    code = (
        "import sys; from gitxp.capture.params import capture_params as c; from gitxp.capture.config import load_config;"
        "c(['python', 't.py', '--lr', '1'], '/', ['a=1']); load_config('/nonexistent');"
        "print(sorted({'yaml', 'tomllib', 'dataclasses', 'subprocess', 'pathlib', 'xxhash'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
