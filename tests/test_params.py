from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.params.command import (
    MAX_IN_ALL,
    MAX_PARAMS,
    MAX_TEXT,
    capture_params,
    from_command,
    from_options,
    words_besides,
)
from gitxp.capture.params.launchers import program_arguments
from gitxp.errors import UsageError
from gitxp.format import decode_json, encode_json

if TYPE_CHECKING:
    from pathlib import Path


def params(line: str, cwd: Path | str = "/") -> dict[str, Any]:
    """The parameters of a command line."""
    return from_command(shlex.split(line), str(cwd))[0]


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
        "srun --nodes 2 --ntasks-per-node 4 --cpu-bind none -l --kill-on-bad-exit torchrun --nnodes=2 train.py",
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


_PIECES = [
    *(
        "--",
        "-",
        "-a",
        "--b",
        "--b=",
        "--no-b",
        "x=1",
        "+x=",
        "++x=[1,2]",
        "~x",
        "~",
        "-1",
        "0x10",
        "[",
        "[]",
        "=",
        "@",
        "b",
    ),
    *("python", "env", "uv", "run", "torchrun", "timeout", "-m", "-c", "a.yaml", "x=b.json", "--c=d.toml", "A=B"),
]
_ARGUMENTS = st.lists(
    st.one_of(
        st.binary(max_size=12).map(os.fsdecode),
        st.sampled_from(_PIECES),
        st.lists(st.sampled_from(_PIECES), max_size=3).map("".join),
        st.text(alphabet="-=+~.[]0123456789abe ,:/@_", max_size=12),
    ).filter(lambda word: "\0" not in word)
)


@given(_ARGUMENTS)
def test_any_command(command: list[str]) -> None:
    """No arguments, of any bytes, make the capture fail; each parameter has a source, and a record gives them back."""
    found, sources, warnings = from_command(command, "/nonexistent")
    assert found.keys() == sources.keys()
    assert decode_json(encode_json([found, sources])) == [found, sources]
    assert warnings == []
    assert set(words_besides(command, found.values())) <= {
        part for word in command for part in (word, *word.split("=", 1))
    }


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("name", "words", "kept"),
    [
        ("a long value", ["--a", LONG, "--b", "1"], {"b": 1}),
        ("a long name", ["--" + LONG, "1", f"{LONG}=1", "~" + LONG, "--b=1"], {"b": 1}),
        ("a long list", ["--a=[" + "1," * 50_000 + "]", "--b", "1"], {"b": 1}),
        ("a long number", ["--a", "9" * 100_000, "--x", "0x" + "f" * 100_000, "--b", "1"], {"b": 1}),
        ("many numbers", ["--a", *["1"] * 100_000, "--b", "1"], {"b": 1}),
        ("one option again and again", ["--a", "x"] * 50_000 + ["--b", "1"], {"b": 1}),
        ("a flag again and again", ["-v"] * 100_000 + ["--b", "1"], {"v": True, "b": 1}),
        ("one override again and again", ["a=1"] * 100_000 + ["b=1"], {"a": 1, "b": 1}),
        ("launchers in launchers", ["env"] * 100_000 + ["--b", "1"], {"b": 1}),
        ("launchers that take a command", ["uv", "run"] * 50_000 + ["--b", "1"], {"b": 1}),
        ("deletions", [f"~a{i}" for i in range(50_000)] + ["b=1"], {"b": 1}),
        ("long launcher options", ["env", "-" + "i" * 100_000, "t", "--b", "1"], {"b": 1}),
        ("files that are not there", [f"{i}.yaml" for i in range(5_000)] + ["--b", "1"], {"b": 1}),
        ("raw bytes", [os.fsdecode(b"\xff" * 100_000), "--b", "1"], {"b": 1}),
    ],
)
def test_huge_commands(tmp_path: Path, name: str, words: list[str], kept: dict[str, Any]) -> None:
    """Arguments of 100 KB, and a hundred thousand of them, are read in no time worth a thought, and swell no record."""
    command = words if name.startswith("launchers") else ["t", *words]
    found, _, warnings = from_command(command, str(tmp_path))
    assert found == kept
    assert sum(map(len, warnings)) < 500


def test_launchers_have_an_end() -> None:
    """Launchers within launchers are stepped over as far as anybody nests them."""
    assert program_arguments(["env", "nice", "uv", "run", "timeout", "5", "env", "python", "t.py", "-x"], "/") == ["-x"]


def test_a_hundred_thousand_parameters() -> None:
    """Of more than a record should hold, the first are kept, and the number of the others is said."""
    found, _, (warning,) = from_command(["t", *(f"--p{i}={i}" for i in range(100_000))], "/")
    assert list(found) == [f"p{i}" for i in range(MAX_PARAMS)]
    assert "99,000 parameters" in warning
    found, _, (warning,) = from_command(["t", *(f"--p{i}={'x' * MAX_TEXT}" for i in range(1000))], "/")
    assert len(found) == MAX_IN_ALL // MAX_TEXT
    assert f"{1000 - len(found)} parameters" in warning


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
        ("a.yaml", b"a: &a {k: 1}\nb: {<<: [" + b"*a," * 20_000 + b"]}"),
        ("a.yaml", b"? " * 300_000),
        ("a.yaml", b"a: \x00"),
        ("a.yaml", "a: 1".encode("utf-16-le")),
        ("a.yaml", b"a:\n\tb: 1"),
        ("a.yaml", b"a: *b"),
        ("a.yaml", b"b: {<<: 1}"),
        ("a.yaml", b"x: [" + b"a," * 500_000 + b"]"),
        ("a.yaml", b"? " + b"k" * 500_000 + b"\n: {" + b",".join(b"%d: 1" % i for i in range(5000)) + b"}"),
        ("a.json", b'{"' + b"k" * 500_000 + b'": {' + b",".join(b'"%d": 1' % i for i in range(5000)) + b"}}"),
        ("a.json", b"\xff\xfe"),
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


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    """Of a key that stands twice in a file the last counts, as for the program that reads it, and that is said."""
    (tmp_path / "a.yaml").write_text("lr: 1\nm:\n  d: 1\n  d: 2\nlr: 3\n")
    (tmp_path / "b.json").write_text('{"n": 1, "n": 2}')
    (tmp_path / "c.toml").write_text("n = 1\nn = 2\n")
    found, _, warnings = from_command(["t", "a.yaml", "b.json", "c.toml"], str(tmp_path))
    assert found == {"lr": 3, "m.d": 2, "n": 2}
    assert warnings == [
        "a.yaml: it has the key 'd' in line 3 and again in line 4: the last one counts",
        "a.yaml: it has the key 'lr' in line 1 and again in line 5: the last one counts",
        "b.json: it has the key 'n' twice: the last one counts",
        "no parameters from c.toml: it is not TOML: Cannot overwrite a value (at line 2, column 6)",
    ]


def test_thousands_of_remarks(tmp_path: Path) -> None:
    """However much is wrong with a file, a few lines say so."""
    (tmp_path / "a.yaml").write_text("k: 1\n" * 5000 + "".join(f"t{i}: {'x' * 3000}\n" for i in range(200)))
    found, _, warnings = from_command(["t", "a.yaml"], str(tmp_path))
    assert found == {"k": 1}
    assert len(warnings) == 5
    assert sum(map(len, warnings)) < 500
    assert "'t0', 't1', 't2' and 197 more are left out" in warnings[-1]


def test_encodings(tmp_path: Path) -> None:
    """A byte order mark is none of the first key; UTF-16 with one is read."""
    for number, data in enumerate((b"\xef\xbb\xbflr: 1", "lr: 1".encode("utf-16"), "\ufefflr: 1".encode("utf-16-be"))):
        (tmp_path / f"{number}.yaml").write_bytes(data)
        assert params(f"t {number}.yaml", tmp_path) == {"lr": 1}
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"lr": 1}')
    assert params("t a.json", tmp_path) == {"lr": 1}


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
    """Parameters of a command that names no file need none of the modules that would delay its start."""
    code = (
        "import sys; before = set(sys.modules);"
        "from gitxp.capture.params.command import capture_params as c; from gitxp.capture.config import load_config;"
        "c(['python', 't.py', '--lr', '1', 'x=[1e-3,0x10]', '~'], '/', ['a=1']); load_config('/nonexistent');"
        "heavy = {'yaml', 'tomllib', 'json', 're', 'typing', 'enum', 'dataclasses', 'subprocess', 'pathlib', 'xxhash'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
