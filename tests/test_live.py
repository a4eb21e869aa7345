"""Runs that are running here answer questions by what they logged so far, and nothing of that outlives the answer."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import gitxp as package
from gitxp.errors import UsageError
from gitxp.git.cat_file import CatFile
from gitxp.git.program import Git
from gitxp.query.index import Asked, Index
from gitxp.query.live import Live
from gitxp.recording import live as live_folders
from gitxp.recording.journal import Journal
from gitxp.recording.running import Running
from run_factory import START, Factory, encode, make_id, make_live_folder, make_record, names
from states import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from gitxp.repo import Repo
    from states import Lab

pytest_plugins = ("run_fixtures",)


def summary(last: float, count: int = 1) -> dict[str, Any]:
    """The summary of a metric."""
    return {"last": last, "min": last, "max": last, "count": count, "step": 0}


class Begun:
    """A run that is running here: this process holds the lock of its live folder."""

    def __init__(self, factory: Factory, name: str, number: int, **keys: Any) -> None:
        self.record = make_record(
            name, number, status="running", exit_code=None, finished_at=None, duration=None, **keys
        )
        self._factory = factory
        factory.make_of([self.record])
        self.folder = live_folders.create(f"{factory.path}/.git")
        self.folder.write_state({"record": self.record})
        assert self.folder.rename(name)  # type: ignore[arg-type]
        self._journal = Journal(self.folder.journal)

    def log(self, metric: str, *values: float) -> None:
        """Log values."""
        for step, value in enumerate(values):
            self._journal.append(metric, step, START + step, value)

    def end(self, **keys: Any) -> None:
        """Commit how it ended, and take the live folder away."""
        record = {
            **self.record,
            "status": "completed",
            "exit_code": 0,
            "finished_at": self.record["started_at"],
            **keys,
        }
        self._factory.advance(self.record["name"], record)
        self.folder.remove()


@pytest.fixture
def begin(factory: Factory) -> Iterator[Callable[..., Begun]]:
    """Begins runs, and ends those that are left."""
    begun: list[Begun] = []

    def make_one(name: str, number: int, **keys: Any) -> Begun:
        begun.append(Begun(factory, name, number, **keys))
        return begun[-1]

    yield make_one
    for run in begun:
        run.folder.release()


@pytest.fixture
def asked(repo: str) -> Callable[..., Index]:
    """Makes indexes on the file of the repository, as another process would have it."""

    def make_index(live: Live | None = None, *, is_in_memory: bool = False) -> Index:
        git = Git(repo)
        running = Running(f"{repo}/.git", repo)
        path = None if is_in_memory else f"{repo}/.git/gitxp/index.sqlite"
        return Index(git, path, lambda _: CatFile(git), live=live or Live(running.names, running.summaries))

    return make_index


def found(index: Index, where: str | None = None, order: str | None = None) -> list[str]:
    """The names of the runs that answer."""
    return names(index.search(Asked(where, order)).runs)


# The whole way: a program that logs, and every command that asks


PROGRAM = """
import sys, gitxp
for line in sys.stdin:
    gitxp.log({'loss': float(line)})
    print('logged', flush=True)
"""


def say(process: subprocess.Popen[bytes], *values: float) -> None:
    """Let the program log these values."""
    assert process.stdin is not None
    assert process.stdout is not None
    for value in values:
        process.stdin.write(b"%r\n" % value)
        process.stdin.flush()
        assert process.stdout.readline() == b"logged\n"


def answer(lab: Lab, *args: str) -> Any:
    """What a command prints as JSON."""
    done = lab.run(*args, "--json")
    assert done.status == 0, done.stderr
    return json.loads(done.stdout)


def test_every_question_sees_what_a_running_run_logged(tmp_path: Path) -> None:
    """List, sort, best, front, groups, plot, export, tree, goal, why and Python answer by it, and by the end afterwards."""
    lab = make(str(tmp_path / "lab"))
    lab.write("train.py", PROGRAM)
    lab.commit()
    for name, loss in (("low", "0.4"), ("high", "0.8")):
        given = subprocess.run(["printf", f"{loss}\n"], capture_output=True, check=True).stdout
        done = lab.run(
            "run", "--name", name, "--param", "opt=adam", "--", sys.executable, "train.py", input=given, stdin=None
        )
        assert done.status == 0, done.stderr
    process = lab.start(
        "run", "--name", "alive", "--param", "opt=sgd", "--", sys.executable, "train.py", stdin=subprocess.PIPE
    )
    try:
        say(process, 0.9, 0.3)
        (only,) = answer(lab, "list", "loss < 0.35")
        assert (only["name"], only["status"], only["metrics"]["loss"]) == (
            *("alive", "running"),
            {"last": 0.3, "min": 0.3, "max": 0.9, "count": 2, "step": 1},
        )
        assert [run["name"] for run in answer(lab, "list", "--sort", "loss")] == ["alive", "low", "high"]
        assert [run["name"] for run in answer(lab, "list", "loss.max > 0.85 and loss.count == 2")] == ["alive"]
        (best,) = answer(lab, "list", "--best", "loss")
        assert (best["name"], best["metrics"]["loss"]["last"]) == ("alive", 0.3)
        assert [run["name"] for run in answer(lab, "list", "--best", "loss", "--per", "opt")] == ["alive", "low"]
        assert [run["name"] for run in answer(lab, "list", "--pareto", "loss,-loss.max")] == ["alive", "low"]
        sgd = next(
            group for group in answer(lab, "list", "--group-by", "opt") if group["keys"] == {"params.opt": "sgd"}
        )
        assert sgd["values"]["metrics.loss"]["mean"] == 0.3
        table = lab.run("list", "loss < 0.35", "--columns", "name,loss,loss * 10", "--csv").stdout.decode()
        assert list(csv.reader(io.StringIO(table)))[1:] == [["alive", "0.3", "3.0"]]
        drawn = answer(lab, "plot", "loss", "--against", "opt")
        assert sorted(map(json.dumps, drawn["curves"][0]["y"])) == ["0.3", "0.4", "0.8"]
        exported = lab.run("export", "--where", "loss < 0.35", "--format", "json").stdout
        assert [row["metrics.loss"] for row in json.loads(exported)] == [0.3]
        grown = {run["name"]: run for run in answer(lab, "tree", "--metric", "loss")}
        assert grown["alive"]["value"] == 0.3
        assert lab.run("goal", "set", "metrics.loss <= 0.1").status == 0
        assert answer(lab, "goal")["best"]["name"] == "alive"
        assert [run.metrics["loss"].last for run in package.runs("loss < 0.35", path=lab.top)] == [0.3]
        assert package.runs(path=lab.top).best("loss").names == ("alive",)
        say(process, 0.7)
        assert [run["name"] for run in answer(lab, "list", "--sort", "loss")] == ["low", "alive", "high"]
        assert answer(lab, "list", "loss < 0.35") == []
        say(process, 0.2)
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0
    (ended,) = answer(lab, "list", "loss < 0.35")
    assert (ended["status"], ended["metrics"]["loss"]["last"], ended["metrics"]["loss"]["count"]) == (
        "completed",
        0.2,
        4,
    )


def test_a_run_that_was_killed_answers_by_what_is_recovered(tmp_path: Path) -> None:
    """When its recorder dies with it, the run is lost, and answers by the metrics that its record got."""
    lab = make(str(tmp_path / "lab"))
    lab.write("train.py", PROGRAM)
    lab.commit()
    process = lab.start("run", "--name", "alive", "--", sys.executable, "train.py", stdin=subprocess.PIPE)
    try:
        say(process, 0.3)
        assert [run["status"] for run in answer(lab, "list", "loss < 0.5")] == ["running"]
    finally:
        os.killpg(process.pid, 9)
        process.communicate(timeout=60)
    (lost,) = answer(lab, "list", "loss < 0.5")
    assert lost["status"] != "running"
    assert lost == {**json.loads(lab.git("show", "refs/experiments/alive:.gitxp/run.json")), **lost}
    assert lab.run("rm", "alive").status == 0
    assert answer(lab, "list", "loss < 0.5") == []


# Whose values they are


def test_only_the_run_of_the_folder_has_its_values(repo: str, factory: Factory, asked: Any) -> None:
    """Runs from elsewhere, runs whose name another has here, ended ones and damaged ones keep what was committed."""
    running = {"status": "running", "exit_code": None, "metrics": {"loss": summary(1)}}
    records = [make_record(name, number, **running) for number, name in enumerate(("mine", "pulled", "namesake"))]
    records.append(make_record("ended", 3, metrics={"loss": summary(1)}))
    factory.make_of(records)
    for record in records:
        if record["name"] != "pulled":
            other = {"id": make_id(99)} if record["name"] == "namesake" else {}
            make_live_folder(repo, {**record, **other}, {"loss": [0.25]})
    factory.make("damaged", raw=b"{")
    make_live_folder(repo, make_record("damaged", 1), {"loss": [0.25]})
    make_live_folder(repo, make_record("without-a-ref", 50, status="running"), {"loss": [0.25]})
    index = asked()
    assert found(index, "loss < 0.5") == ["mine"]
    assert sorted(found(index, "loss == 1")) == ["ended", "namesake", "pulled"]
    runs = {run.name: run for run in index.with_live(index.newest().runs)}
    assert {name: run.metric("loss") for name, run in runs.items()} == {
        "mine": 0.25,
        "pulled": 1,
        "namesake": 1,
        "ended": 1,
        "damaged": None,
    }


def test_a_run_that_logged_nothing_yet_keeps_what_was_committed(begin: Any, here: Repo) -> None:
    """An empty journal says nothing; the first value takes the place of all that was committed."""
    run = begin("a", 1, metrics={"loss": summary(1), "old": summary(2)})
    assert names(here.runs(where="loss == 1 and old == 2")) == ["a"]
    run.log("loss", 0.5)
    assert names(here.runs(where="loss == 0.5 and not has(old)")) == ["a"]
    assert here.runs(where="loss == 0.5")[0].record["metrics"] == {"loss": summary(0.5)}


def test_annotations_and_archiving_leave_it_running(begin: Any, here: Repo) -> None:
    """A tip that moved, and a run that is hidden, have the values of the run all the same."""
    begin("a", 1).log("loss", 0.5)
    here.annotate([here.get("a")], add_tags=["good"], archive=True)
    assert names(here.runs(where="loss == 0.5")) == []
    (run,) = here.runs(where='loss == 0.5 and "good" in tags', archived=True)
    assert run.metrics == {"loss": 0.5}
    assert here.page(where="loss == 0.5").hidden == 1


# Values of every kind


def test_odd_values_and_names(begin: Any, here: Repo, factory: Factory) -> None:
    """Values that are nan or infinite, names that are no words, and whole numbers beyond 64 bits are as in what was committed."""
    odd = ["a b", "x'; DROP TABLE refs --", 'ü/"é"', "tab\t", "%", "last", "dot.max", "caf\udce9"]
    run = begin("odd", 1, params={"big": 2**70})
    factory.skip(1)
    factory.make("same", params={"big": 2**70}, metrics={name: summary(1.0) for name in odd})
    for name in odd:
        run.log(name, 1.0)
    assert [found.name for found in here.runs(where="params.big > 1e20")] == ["same", "odd"]
    for name in odd:
        key = f"metrics[{json.dumps(name.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace'))}]"
        assert names(here.runs(where=f"{key} == 1")) == ["same", "odd"], name
    run.log("loss", 3.0, math.nan)
    run.log("gain", -math.inf, math.inf)
    run.log("size", 2.0**80)
    factory.make("numbers", metrics={"loss": summary(5), "gain": summary(1), "size": summary(2**80)})
    factory.make("none")
    assert names(here.runs(where="isnan(loss) and loss.min == 3 and loss.max == 3")) == ["odd"]
    assert names(here.runs(where="gain > 1e308 and gain.min < -1e308")) == ["odd"]
    assert sorted(names(here.runs(where=f"size == {2**80}"))) == ["numbers", "odd"]
    assert names(here.runs(sort="-loss"))[:2] == ["numbers", "odd"]
    (group,) = here.groups("params.big", "loss", where="has(big) and has(loss)").groups
    assert (group.runs, group.summaries[0].n, group.summaries[0].nan) == (1, 0, 1)


def test_a_metric_that_only_a_running_run_has(begin: Any, here: Repo, factory: Factory) -> None:
    """It is a key while the run has it, beside those that were committed; a slip is still told."""
    factory.make("other", metrics={"acc": summary(1)})
    run = begin("a", 9)
    with pytest.raises(UsageError, match="'loss'"):
        here.runs(where="metrics.loss < 1")
    run.log("loss", 0.5)
    assert names(here.runs(where="loss < 1")) == ["a"]
    assert names(here.runs(sort="loss")) == ["a", "other"]
    assert {one.title: one for one in here.groups("status").measures}.keys() == {"metrics.acc", "metrics.loss"}
    with pytest.raises(UsageError, match="'los'"):
        here.runs(where="metrics.los < 1")
    run.end(metrics={"acc": summary(2)})
    assert names(here.runs(where="acc == 2")) == ["a"]
    with pytest.raises(UsageError, match="'loss'"):
        here.runs(where="metrics.loss < 1")


def test_sixty_keys(begin: Any, here: Repo, factory: Factory) -> None:
    """As many keys can be named while something runs as otherwise."""
    keys = [f"m{number}" for number in range(57)]
    factory.make("other", metrics={key: summary(2) for key in keys})
    run = begin("a", 9)
    for key in keys:
        run.log(key, 1.0)
    where = " and ".join(f"{key} == 1" for key in keys)
    assert names(here.runs(where=where, sort=",".join(keys))) == ["a"]


# One answer, and nothing of it afterwards


def test_nothing_stays_in_the_index(begin: Any, here: Repo, repo: str) -> None:
    """The file has what commits have: no value that was asked for while the run went on."""
    run = begin("a", 1)
    run.log("loss", 0.5)
    assert names(here.runs(where="loss < 1", sort="loss")) == ["a"]
    with closing(sqlite3.connect(f"{repo}/.git/gitxp/index.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM metrics").fetchone() == (0,)
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        assert not any("live" in name for name in tables)
    run.log("loss", 2.0)
    assert names(here.runs(where="loss < 1")) == []
    run.end(metrics={"loss": summary(0.75)})
    assert names(here.runs(where="loss == 0.75 and status == 'completed'")) == ["a"]


def test_a_run_that_ends_while_it_is_asked(factory: Factory, asked: Any) -> None:
    """It answers as it ended, for the refs are looked at after the live folder."""
    record = make_record("a", 1, status="running", exit_code=None)
    factory.make_of([record])

    def measure(name: str) -> Any:
        factory.advance(name, {**record, "status": "completed", "metrics": {"loss": summary(0.75)}})
        return record["id"], {"loss": summary(0.5)}

    index = asked(Live(lambda: ["a"], measure))
    (run,) = index.with_live(index.search(Asked("loss > 0")).runs)
    assert (run.status, run.metrics) == ("completed", {"loss": 0.75})


def test_at_one_moment_values_stand_still(begin: Any, here: Repo) -> None:
    """What is asked together is answered by the same values, though the run goes on or ends meanwhile; then by newer ones."""
    run = begin("a", 1)
    run.log("loss", 0.5)
    with here.at_one_moment():
        assert here.best("loss").names == ("a",)
        run.log("loss", 2.0)
        run.end(metrics={"loss": summary(3)})
        with here.at_one_moment():
            assert here.read(["a"])[0].metrics == {"loss": 0.5}  # type: ignore[list-item]
        assert names(here.runs(where="loss == 0.5")) == ["a"]
        (column,) = here.columns("loss * 2", here.runs())
        assert column.values == {"a": 1.0}
    assert here.read(["a"])[0].metrics == {"loss": 3}  # type: ignore[list-item]
    assert names(here.runs(where="loss == 3")) == ["a"]


@pytest.mark.parametrize("is_in_memory", [False, True])
def test_several_who_ask_at_once(factory: Factory, asked: Any, *, is_in_memory: bool) -> None:
    """Each has its own values, also where they use one file, and the refs move meanwhile."""
    factory.make_many(20)
    record = make_record("a", 99, status="running", exit_code=None)
    factory.make_of([record])
    wrong: list[object] = []

    def ask(number: int) -> None:
        live = Live(lambda: ["a"], lambda _: (record["id"], {"loss": summary(number)}))
        index = asked(live if number else Live(), is_in_memory=is_in_memory)
        for _ in range(15):
            try:
                values = [one.values for one in index.values(Asked('name == "a"'), ["metrics.loss"] if number else [])]
            except Exception as error:  # noqa: BLE001  (of a thread: told below)
                wrong.append(error)
                return
            if values != [(number,) if number else ()]:
                wrong.append((number, values))

    threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        factory.make(f"new-{number}")
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_would_take_long_to_read_is_neither_shown_nor_asked(
    begin: Any, here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table and question have the same of a run that logged very much: what was committed."""
    monkeypatch.setattr("gitxp.recording.running._QUICK", 200)
    run = begin("a", 1, metrics={"loss": summary(7)})
    run.log("loss", 0.5)
    assert names(here.runs(where="loss == 0.5")) == ["a"]
    run.log("loss", *range(100))
    assert names(here.runs(where="loss == 7")) == ["a"]
    assert here.runs()[0].metrics == {"loss": 7}
    assert here.show(here.get("a"))["metrics"]["loss"]["count"] == 101


def test_many_runs_are_read_anew_rather_than_kept(repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for the points of all, the numbers are the same."""
    monkeypatch.setattr("gitxp.recording.running._QUICK", 100)
    for number in range(6):
        make_live_folder(repo, make_record(f"r{number}", number), {"loss": [1.0, 2.0]})
    running = Running(f"{repo}/.git", repo)
    for _ in range(2):
        told = [running.summaries(f"r{number}") for number in range(6)]
        assert told == [
            (make_id(number), {"loss": {"last": 2.0, "min": 1.0, "max": 2.0, "count": 2, "step": 1}})
            for number in range(6)
        ]


# Folders that are damaged, half written, or made to do harm


def _replace(path: str, content: bytes | None = None) -> None:
    if os.path.isdir(path):
        subprocess.run(["rm", "-r", path], check=True)
    elif os.path.lexists(path):
        os.unlink(path)
    if content is not None:
        with open(path, "wb") as file:
            file.write(content)


def _state(**keys: Any) -> Callable[[str], None]:
    def write(folder: str) -> None:
        with open(f"{folder}/state.json") as file:
            record = json.load(file)["record"]
        record = {key: value for key, value in {**record, **keys}.items() if value is not None}
        _replace(f"{folder}/state.json", encode({"record": record}))

    return write


def _bytes(path: str, content: bytes | None) -> Callable[[str], None]:
    return lambda folder: _replace(os.path.join(folder, path).rstrip("/"), content)


def _pipe(path: str) -> Callable[[str], None]:
    def write(folder: str) -> None:
        _replace(f"{folder}/{path}")
        os.mkfifo(f"{folder}/{path}")

    return write


def _link(path: str, target: str) -> Callable[[str], None]:
    def write(folder: str) -> None:
        _replace(f"{folder}/{path}")
        os.symlink(target, f"{folder}/{path}")

    return write


def _huge(path: str) -> Callable[[str], None]:
    def write(folder: str) -> None:
        with open(f"{folder}/{path}", "ab") as file:
            file.truncate(1 << 34)

    return write


# Each takes the run's values away: what is committed counts.
SILENT: Mapping[str, Callable[[str], None]] = {
    "no state": _bytes("state.json", None),
    "an empty state": _bytes("state.json", b""),
    "half a state": _bytes("state.json", b'{"record": {"id'),
    "a list": _bytes("state.json", b"[]"),
    "nothing in it": _bytes("state.json", b"{}"),
    "a record that is none": _bytes("state.json", b'{"record": [1]}'),
    "a deep state": _bytes("state.json", b"[" * 100_000),
    "a state of gigabytes": _huge("state.json"),
    "a state that waits": _pipe("state.json"),
    "a state without an end": _link("state.json", "/dev/zero"),
    "a number for an id": _state(id=5),
    "no id": _state(id=None),
    "no start": _state(started_at=None),
    "a start that is none": _state(started_at="yesterday"),
    "a list for a start": _state(started_at=[]),
    "a number for a folder": _state(cwd=3),
    "a folder that is no path": _state(cwd="a\0b"),
    "no journal": _bytes("journal", None),
    "a journal that is a file": _bytes("journal", b"loss.tsv\t1\t1.0\t0.5\n"),
    "an empty journal": _bytes("journal/1-00000000.tsv", b""),
    "a journal of noise": _bytes("journal/1-00000000.tsv", bytes(range(256)) * 1000),
    "a journal that waits": _pipe("journal/1-00000000.tsv"),
    "a journal without an end": _link("journal/1-00000000.tsv", "/dev/zero"),
    "a journal that is not there": _link("journal/1-00000000.tsv", "nowhere"),
    "a journal of gigabytes": _huge("journal/1-00000000.tsv"),
    "half a line": _bytes("journal/1-00000000.tsv", b"loss.tsv\t1\t1.0\t0.2"),
    "a file in place of the folder": _bytes("", b""),
}
# Each leaves the values that are sound.
HEARD: Mapping[str, Callable[[str], None]] = {
    "said by nobody": _pipe("said"),
    "another file that waits": _pipe("journal/2-00000000.tsv"),
    "noise beside it": _bytes("journal/2-00000000.tsv", bytes(range(256)) * 1000),
    "a folder that is nowhere": _state(cwd="../../../nowhere"),
    "statements that are none": lambda folder: (os.mkdir(f"{folder}/said"), _pipe("said/1.jsonl")(folder))[1],  # type: ignore[func-returns-value]
    "an odd start": _state(started_at="0001-01-01T00:00:00.000Z"),
}


@pytest.mark.parametrize("harm", SILENT)
def test_a_folder_that_cannot_be_read_says_nothing(repo: str, factory: Factory, asked: Any, harm: str) -> None:
    """The question is answered, by what was committed of the run and by what others logged."""
    record = make_record("a", 1, status="running", exit_code=None, metrics={"loss": summary(7)})
    other = make_record("b", 2, status="running", exit_code=None)
    factory.make_of([record, other])
    folder = make_live_folder(repo, record, {"loss": [0.5]})
    make_live_folder(repo, other, {"loss": [0.25]})
    assert found(asked(), "loss < 1") == ["b", "a"]
    SILENT[harm](folder)
    index = asked()
    assert found(index, "loss > 0", "loss") == ["b", "a"]
    assert found(index, "loss == 7") == ["a"]
    assert [run.metric("loss") for run in index.with_live(index.newest().runs)] == [0.25, 7]


@pytest.mark.parametrize("harm", HEARD)
def test_what_is_sound_in_a_folder_counts(repo: str, factory: Factory, asked: Any, harm: str) -> None:
    """What lies beside it takes nothing away."""
    record = make_record("a", 1, status="running", exit_code=None)
    factory.make_of([record])
    HEARD[harm](make_live_folder(repo, record, {"loss": [0.5]}))
    assert found(asked(), "loss == 0.5") == ["a"]


def test_names_that_are_none(repo: str, factory: Factory, asked: Any) -> None:
    """What lies among the live folders and is no run's is passed over."""
    factory.make("a", metrics={"loss": summary(1)})
    for name in (".new-1-2", "..a", "@x", "a b", "ü"):
        os.makedirs(f"{repo}/.git/gitxp/live/{name}")
    assert found(asked(), "loss == 1") == ["a"]


def many(count: int) -> Sequence[dict[str, Any]]:
    """So many records."""
    return [make_record(f"r{number:04}", number, metrics={"loss": summary(number)}) for number in range(count)]


def test_where_nothing_runs_the_file_alone_is_asked(
    factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table is attached, and no question is worded otherwise."""
    factory.make_of(many(5))
    said: list[str] = []
    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*args, **options)
        database.set_trace_callback(said.append)
        return database

    monkeypatch.setattr("gitxp.query.index_file.sqlite3.connect", traced)
    assert len(here.runs(where="loss < 3", sort="-loss")) == 3
    assert here.groups("status").runs == 5
    assert said
    assert [statement for statement in said if "live" in statement.lower()] == []
