"""Commands that nobody here wrote, and commands that are not Python: as without gitxp, and all known of them that can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from programs import Programs, params, paths

if TYPE_CHECKING:
    from conftest import Git, Gitxp


@pytest.fixture
def programs(repo: str, gitxp: Gitxp, git: Git) -> Programs:
    """A repository in which to run them."""
    return Programs(repo, gitxp, git)


def needs(program: str) -> pytest.MarkDecorator:
    """Skip where a program is not there."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"there is no {program} here")


@pytest.mark.parametrize(
    ("module", "words", "wanted", "data", "outputs"),
    [
        ("json.tool", ["--sort-keys", "data/a.json", "sorted.json"], {"sort_keys": True}, ["data/a.json"], ["sorted.json"]),
        ("zipapp", ["app", "--output=app.pyz", "--main=main:run"], {"main": "main:run", "compress": False}, [], ["app.pyz"]),
        ("gzip", ["--best", "data/a.json"], {"best": True, "decompress": False}, ["data/a.json"], ["data/a.json.gz"]),
        ("zipfile", ["--create", "all.zip", "app"], {"create": ["all.zip", "app"]}, [], ["all.zip"]),
        ("tarfile", ["-v", "-c", "all.tar", "data"], {"verbose": True, "create": ["all.tar", "data"]}, ["data/a.json"], ["all.tar"]),
    ],
)  # fmt: skip
def test_programs_of_python(
    programs: Programs, module: str, words: list[str], wanted: dict[str, Any], data: list[str], outputs: list[str]
) -> None:
    """Those of the standard library that parse with argparse: their options, what they read, what they write."""
    programs.write("data/a.json", '{"b": 1, "a": [2, 3]}')
    programs.write("app/main.py", "def run(): pass\n")
    record = programs.run("python", "-m", module, *words)
    known = {name: value for name, (value, _) in params(record).items()}
    assert {name: known.get(name) for name in wanted} == wanted
    assert paths(record.get("data", [])) == data
    assert paths(record["outputs"]) == outputs


LOOP = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
options = parser.parse_args()
def loss(step):
    return options.lr / (step + 1)
for step in range(3):
    print(f"step={step} loss={loss(step):.3f}")
"""
TEST = """
import argparse, pathlib, pytest
def test_one(tmp_path):
    (tmp_path / "x").write_text("x")
def test_help(capsys):
    parser = argparse.ArgumentParser(prog="x")
    with pytest.raises(SystemExit):
        parser.parse_args(["--nothing"])
    assert "unrecognized arguments: --nothing" in capsys.readouterr().err
@pytest.mark.xfail
def test_two():
    assert 0
"""


@pytest.mark.parametrize(
    ("command", "status"),
    [
        # without options: pdb of Python 3.13.0 takes those of the program for its own
        ("python -m pdb -c continue -c quit loop.py", 0),
        ("python -m trace --count --summary --missing --coverdir=out --ignore-dir=/ loop.py --lr 0.5", 0),
        ("python -W error loop.py --lr 0.5", 0),
        ("python -E loop.py --lr 0.5", 0),
        ("python -I -S -B loop.py --lr 0.5", 0),
    ],
)
def test_programs_that_run_programs(programs: Programs, command: str, status: int) -> None:
    """A debugger, a tracer, and options of Python's own: the program in them prints and ends as ever."""
    programs.write("loop.py", LOOP)
    programs.run(*command.split(), options=("--metrics-from", "stdout"), status=status)


def test_pytest(programs: Programs) -> None:
    """A suite under `gitxp run` has the same results, and the parser of pytest's own is no parameter."""
    programs.write("test_it.py", TEST)
    programs.write(
        "run.sh", f"{sys.executable} -m pytest -p no:cacheprovider -rA --no-header test_it.py | sed 's/ in .*s//'\n"
    )
    record = programs.run("sh", "run.sh")
    assert "capture" not in record.get("params", {})


# what a program of any language does: read data, take options, print metrics, write results
SHELL = """\
#!/bin/sh
for epoch in 1 2 3; do
    awk -v rate="$2" -v epoch="$epoch" '{ sum += $1 } END { printf "epoch=%d loss=%.3f\\n", epoch, sum * rate / epoch }' data/a.txt
done
mkdir -p out
sort -r data/a.txt > out/sorted.txt
cp out/sorted.txt out/copy.tmp && mv out/copy.tmp out/copy.txt
echo done >&2
exit 3
"""
C = """\
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **words) {
    double rate = atof(words[2]), sum = 0, x;
    FILE *data = fopen("data/a.txt", "r"), *out;
    while (fscanf(data, "%lf", &x) == 1) sum += x;
    for (int epoch = 1; epoch <= 3; epoch++) printf("epoch=%d loss=%.3f\\n", epoch, sum * rate / epoch);
    out = fopen("out/sorted.txt", "w"); fprintf(out, "3\\n2\\n1\\n"); fclose(out);
    rename("out/sorted.txt", "out/copy.txt");
    out = fopen("out/sorted.txt", "w"); fprintf(out, "3\\n2\\n1\\n"); fclose(out);
    fprintf(stderr, "done\\n");
    return 3;
}
"""
R = """\
rate <- as.numeric(commandArgs(trailingOnly = TRUE)[2])
x <- scan("data/a.txt", quiet = TRUE)
for (epoch in 1:3) cat(sprintf("epoch=%d loss=%.3f\\n", epoch, sum(x) * rate / epoch))
writeLines(as.character(rev(x)), "out/sorted.txt")
file.copy("out/sorted.txt", "out/copy.txt") -> ignored
message("done")
quit(status = 3)
"""
JULIA = """\
using Printf
rate, x = parse(Float64, ARGS[2]), parse.(Int, readlines("data/a.txt"))
for epoch in 1:3 @printf("epoch=%d loss=%.3f\\n", epoch, sum(x) * rate / epoch) end
write("out/sorted.txt", join(reverse(x), "\\n"), "\\n"); cp("out/sorted.txt", "out/copy.txt")
println(stderr, "done"); exit(3)
"""
PERL = """\
my $rate = $ARGV[1]; my $sum = 0;
open(my $data, '<', 'data/a.txt'); my @x = <$data>; $sum += $_ for @x;
printf("epoch=%d loss=%.3f\\n", $_, $sum * $rate / $_) for 1 .. 3;
for my $name ('sorted', 'copy') { open(my $out, '>', "out/$name.txt"); print $out reverse @x; close $out }
print STDERR "done\\n"; exit 3;
"""


@pytest.mark.parametrize(
    ("name", "code", "command"),
    [
        pytest.param("train.sh", SHELL, ["./train.sh"], marks=needs("awk"), id="sh"),
        pytest.param("train.c", C, ["bin/train"], marks=needs("cc"), id="C"),
        pytest.param("train.pl", PERL, ["perl", "train.pl"], marks=needs("perl"), id="Perl"),
        pytest.param("train.R", R, ["Rscript", "--vanilla", "train.R"], marks=needs("Rscript"), id="R"),
        pytest.param("train.jl", JULIA, ["julia", "--startup-file=no", "train.jl"], marks=needs("julia"), id="Julia"),
    ],
)
def test_programs_of_other_languages(programs: Programs, name: str, code: str, command: list[str], git: Git) -> None:
    """Command, parameters, status, output, metrics and outputs are known of them; what only the probe sees, is not."""
    programs.write(name, code)
    os.chmod(name, 0o700)
    programs.write("data/a.txt", "1\n2\n3\n")
    os.mkdir("out")
    if name.endswith(".c"):
        os.mkdir("bin")
        subprocess.run(["cc", "-o", "bin/train", "train.c"], check=True)
    record = programs.run(*command, "--rate", "0.5", options=("--metrics-from", "stdout", "--out", "out"), status=3)
    assert (record["status"], record["exit_code"]) == ("failed", 3)
    assert params(record)["rate"] == (0.5, "argv")
    assert record["metrics"]["loss"] == {"count": 3, "last": 1.0, "max": 3.0, "min": 1.0, "step": 3}
    assert paths(record["outputs"]) == ["out/copy.txt", "out/sorted.txt"]
    assert programs.artifact("out/copy.txt") == b"3\n2\n1\n"
    assert b"epoch=3 loss=1.000" in git.raw("show", "experiments/r:.gitxp/output.log")
    assert "data" not in record
    assert "imported" not in programs.environment()


def test_what_a_shell_script_wrote(programs: Programs) -> None:
    """Nobody tells of it, so after a second all that changed is listed, and not kept: it might be anybody's."""
    programs.write(
        "train.sh", "sleep 1.1; mkdir -p out; echo 1 > out/new.txt; echo 2 > out/tmp; mv out/tmp out/moved.txt"
    )
    programs.write("out/earlier.txt", "earlier\n")
    os.utime("out/earlier.txt", (1e9, 1e9))
    record = programs.run("sh", "train.sh")
    assert {entry["path"]: (entry["source"], entry["stored"]) for entry in record["outputs"]} == {
        "out/new.txt": ("scan", False),
        "out/moved.txt": ("scan", False),
    }
