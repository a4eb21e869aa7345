"""What is measured on: working trees like those of real projects, and repositories with many runs.

Everything comes from a seed, so two machines measure the same bytes. Trees are written by `git fast-import` and
checked out by git, as a clone would leave them: one pack, a fresh index.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import subprocess
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from measure import check

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = (
    "def return self import from class for while with value index batch model loss step rate layer train test data "
    "config path name size shape mean sum float int none true false if else not and or in is lambda yield raise"
).split()
FAST = ["git", "-c", "core.fsync=none", "-c", "core.logAllRefUpdates=always"]
WHO = "Bench <bench@example.com> {} +0000"
SECOND = 1_767_225_600  # 2026-01-01, when the first run of a built repository started


class Shape(NamedTuple):
    """A tree: how many files, in how many folders, and the median of their sizes in bytes."""

    files: int
    folders: int
    median: int


SMALL = Shape(4_800, 330, 5_000)  # as git.git
LARGE = Shape(100_000, 7_000, 1_000)


class Keys(NamedTuple):
    """How many parameters and metrics each of many runs has."""

    params: int
    metrics: int


FEW = Keys(4, 2)
MANY = Keys(20, 10)


def paths(shape: Shape, rng: random.Random) -> Iterator[str]:
    """Paths of a tree whose folders nest up to six deep, most of them three or four."""
    folders = [""]
    while len(folders) < shape.folders:
        parent = folders[int(len(folders) * rng.random() ** 4)]  # rather an early one: trees are broad, not deep
        if parent.count("/") < 6:
            folders.append(f"{parent}{rng.choice(WORDS)}{len(folders)}/")
    for number in range(shape.files):
        yield f"{rng.choice(folders)}{rng.choice(WORDS)}_{number}.{rng.choice(('py', 'c', 'h', 'txt', 'json'))}"


def text(size: int, rng: random.Random, pool: bytes) -> bytes:
    """`size` bytes that look like source code, no two alike."""
    head = f"# {rng.getrandbits(64):016x}\n".encode()
    begin = rng.randrange(len(pool) // 2)
    body = pool[begin : begin + max(size - len(head), 0)]
    return head + body


def make_pool(rng: random.Random) -> bytes:
    """A megabyte of lines to cut texts from."""
    lines = ("    " * rng.randrange(4) + " ".join(rng.choices(WORDS, k=rng.randrange(2, 14))) for _ in range(20_000))
    return "\n".join(lines).encode()


def build(folder: str, shape: Shape, environ: dict[str, str]) -> None:
    """Make a repository with one commit of such a tree, checked out."""
    rng = random.Random(shape.files)
    pool = make_pool(rng)
    check(["git", "init", "--quiet", folder], ".", environ)
    with _fast_import(folder, environ) as importer:
        assert importer.stdin is not None
        write = importer.stdin.write
        write(f"commit refs/heads/main\ncommitter {WHO.format(SECOND - 60)}\ndata 5\nFirst\n".encode())
        for path in paths(shape, rng):
            data = text(min(int(rng.lognormvariate(0, 1.1) * shape.median), 200_000), rng, pool)
            write(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    _finish(importer)
    check(["git", "-c", "core.fsync=none", "reset", "--quiet", "--hard"], folder, environ)


def copy(source: str, target: str, environ: dict[str, str]) -> None:
    """Copy a repository with its working tree, and let git look at each file once, as it does after a checkout."""
    check(["cp", "-a", source, target], ".", environ)
    check(["git", "update-index", "-q", "--refresh"], target, environ)


def add_runs(folder: str, count: int, environ: dict[str, str], gitxp: str, keys: Keys = FEW) -> None:
    """Put `count` finished runs into a repository, as gitxp writes them, of varying parameters, metrics and times.

    One run is made by gitxp itself; the others are it with other names, ids, times and numbers: a start commit and a
    finish commit each, with a reflog, under a ref of their own.
    """
    command = [gitxp, "run", "--name", "template", "--param", "lr=0.1", "--param", "batch=32", "--", "true"]
    check(command, folder, environ)
    tip = "refs/experiments/template"
    template: dict[str, Any] = json.loads(check(["git", "show", f"{tip}:.gitxp/run.json"], folder, environ))
    files = check(["git", "rev-parse", f"{tip}:.gitxp"], folder, environ).decode().strip()
    rng = random.Random(count)
    with _fast_import(folder, environ) as importer:
        assert importer.stdin is not None
        for number in range(count):
            importer.stdin.write(_run(template, files, number, rng, keys))
    _finish(importer)


def pack_refs(folder: str, environ: dict[str, str]) -> None:
    """Put all refs into one file."""
    check([*FAST, "pack-refs", "--all"], folder, environ)


def _run(template: dict[str, Any], files: str, number: int, rng: random.Random, keys: Keys) -> bytes:
    """The fast-import commands of one run; `files` is the tree of the template's `.gitxp`."""
    name = f"{rng.choice(WORDS)}-{rng.choice(WORDS)}-{number:06x}"
    start = SECOND + number * 30
    measured = {"loss": rng.random(), "accuracy": rng.random()}
    record = {
        **template,
        "name": name,
        "id": str(uuid.UUID(int=start * 1000 << 80 | 7 << 76 | 2 << 62 | rng.getrandbits(62))),
        "status": "running",
        "started_at": _rfc3339(start),
        "params": {
            "lr": rng.choice((0.1, 0.01, 0.001)),
            "batch": rng.choice((16, 32, 64)),
            "seed": number,
            "model": "mlp",
            **{f"model.layer_{n}.rate": rng.random() for n in range(keys.params - FEW.params)},
        },
    }
    for key in ("finished_at", "duration", "exit_code", "metrics"):
        record.pop(key, None)
    measured |= {f"train/part_{n}": rng.random() for n in range(keys.metrics - FEW.metrics)}
    done = {
        **record,
        "status": "failed" if number % 17 == 0 else "completed",
        "exit_code": 1 if number % 17 == 0 else 0,
        "finished_at": _rfc3339(start + 20),
        "duration": 20.0,
        "metrics": {
            metric: {"last": value, "min": value, "max": value, "count": 1, "step": 0}
            for metric, value in measured.items()
        },
    }
    series = f"0\t{start + 10}.0\t{measured['loss']!r}\n".encode()
    ref = f"refs/experiments/{name}"
    message = f"{name}: true\n\nGitxp-Run: {name}\nGitxp-Id: {record['id']}\n"
    chunks = [_commit(ref, start, message, "from refs/heads/main\n")]
    chunks += [f"M 040000 {files} .gitxp\n".encode(), _file("run.json", _encode(record))]
    chunks += [_commit(ref, start + 20, message), _file("run.json", _encode(done)), _file("metrics/loss.tsv", series)]
    return b"".join(chunks)


def _commit(ref: str, at: int, message: str, parent: str = "") -> bytes:
    data = message.encode()
    return f"commit {ref}\ncommitter {WHO.format(at)}\ndata {len(data)}\n{message}\n{parent}".encode()


def _file(path: str, data: bytes) -> bytes:
    return f"M 100644 inline .gitxp/{path}\ndata {len(data)}\n".encode() + data + b"\n"


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _rfc3339(second: int) -> str:
    return datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _fast_import(folder: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [*FAST, "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"]
    return subprocess.Popen(command, cwd=folder, env=environ, stdin=subprocess.PIPE)


def _finish(importer: subprocess.Popen[bytes]) -> None:
    if importer.returncode:
        msg = f"git fast-import: exit status {importer.returncode}"
        raise RuntimeError(msg)


def write_data(folder: str, files: int, size: int) -> str:
    """Make a folder of `files` files of `size` bytes each, 100 to a folder, that do not compress; give its path."""
    rng = random.Random(files)
    block = rng.randbytes(1 << 20)
    for number in range(files):
        place = os.path.join(folder, f"{number // 100:04}")
        if number % 100 == 0:
            os.makedirs(place)
        with open(os.path.join(place, f"{number:06}.bin"), "wb") as file:
            head = number.to_bytes(8, "big")
            file.write(head[:size])
            file.writelines(block[: min(len(block), size - begin)] for begin in range(len(head), size, len(block)))
    return folder
