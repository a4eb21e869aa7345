from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import UsageError
from gitxp.format import Oid
from gitxp.git.cat_file import CatFile
from gitxp.git.libgit2 import Libgit2
from gitxp.git.program import Git
from gitxp.git.refs import list_refs
from gitxp.query import index_file
from gitxp.query import mirror as module
from gitxp.query.index import Asked, Index
from gitxp.query.index_file import SCHEMA
from gitxp.store.runs import read_run
from run_factory import START, Factory, encode, make_id, make_record, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.objects import Objects


class Counting:
    """An index on a repository, and how many commits it had to read."""

    def __init__(self, repo: str, path: str | None, now: float | None = None) -> None:
        self.read = 0
        self._repo = repo
        self._git = Git(repo)
        self._opened: list[Objects] = []
        self.index = Index(self._git, path, self._open, time.time if now is None else lambda: now)

    def _open(self, expected: int) -> Objects:
        self.read += expected
        reader = CatFile(self._git) if expected < 5 else Libgit2.open(self._git, f"{self._repo}/.git")
        assert reader is not None
        self._opened.append(reader)
        return reader

    def close(self) -> None:
        """End the readers."""
        for reader in self._opened:
            reader.close()

    def newest(self, limit: int | None = None, skip: int = 0) -> list[str]:
        """The names of the newest runs."""
        return names(self.index.newest(limit, skip).runs)


@pytest.fixture
def path(repo: str) -> str:
    """Where the index file is."""
    return f"{repo}/.git/gitxp/index.sqlite"


@pytest.fixture
def opened(repo: str, path: str) -> Iterator[Any]:
    """Makes indexes on the file, as many as a test wants; each is as a new process would have it."""
    made: list[Counting] = []

    def make(where: str | None = path, now: float | None = None) -> Counting:
        made.append(Counting(repo, where, now))
        return made[-1]

    yield make
    for item in made:
        item.close()


def test_newest_first(repo: str, opened: Any) -> None:
    """Runs are sorted by their start, the newest first; of those that began together the first name comes first."""
    factory = Factory(repo)
    for name in ("b", "a", "c"):
        factory.make(name)
    late = make_record("x")["started_at"]
    factory.make("z", started_at=late)
    factory.make("y", started_at=late)
    assert opened().newest() == ["c", "a", "b", "y", "z"]
    assert opened().newest(2) == ["c", "a"]
    assert opened().newest(2, skip=1) == ["a", "b"]


def test_times_of_other_zones_and_precision_sort_as_times(repo: str, opened: Any) -> None:
    """A start with another offset or more digits stands where its moment is."""
    factory = Factory(repo)
    factory.make("second", started_at="2026-01-01T12:00:00.000Z")
    factory.make("first", started_at="2026-01-01T12:30:00.000+01:00")
    factory.make("third", started_at="2026-01-01T12:00:00.000123Z")
    assert opened().newest() == ["third", "second", "first"]


DAY = 86_400
NOW = START + 1000 * DAY


def stamp(at: float) -> str:
    """A unix time as records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


def forge(factory: Factory, name: str, *, started: str, committed: float) -> None:
    """A run that says it began then, in a commit that says it was made then."""
    record = encode(make_record(name, started_at=started))
    factory.commit(f"refs/experiments/{name}", {".gitxp/run.json": record}, parent=None, at=int(committed))


def test_no_run_is_the_newest_before_it_began(repo: str, opened: Any) -> None:
    """A run that says it begins more than a day from now stands at the time of its commit, or last where that is to come."""
    factory = Factory(repo)
    forge(factory, "old", started=stamp(NOW - 2 * DAY), committed=NOW)
    forge(factory, "forged", started="9999-12-31T23:59:59.999Z", committed=NOW - DAY)
    forge(factory, "new", started=stamp(NOW - 60), committed=NOW)
    forge(factory, "ahead", started=stamp(NOW + DAY - 60), committed=NOW)
    forge(factory, "wholly", started="9999-01-01T00:00:00.000Z", committed=NOW + 9 * DAY)
    forge(factory, "more", started=stamp(NOW + 8 * DAY), committed=NOW + 9 * DAY)
    expected = ["ahead", "new", "forged", "old", "wholly", "more"]
    for _ in range(2):  # read now, and from the file
        mine = opened(now=NOW)
        assert mine.newest() == expected
        assert [mine.newest(1, skip) for skip in range(7)] == [[name] for name in expected] + [[]]
        assert [mine.newest(3, skip) for skip in (0, 2, 3, 4, 5, 99)] == [
            expected[at : at + 3] for at in (0, 2, 3, 4, 5, 99)
        ]
        assert mine.index.names() == expected
        assert names(mine.index.find("w")) == ["wholly"]
    assert opened(now=NOW + 8 * DAY).newest() == ["wholly", "more", *expected[:4]]


def test_an_unreadable_run_of_tomorrow_is_last(repo: str, opened: Any) -> None:
    """Neither a forged time in a record that cannot be read nor that of its commit makes it the newest."""
    factory = Factory(repo)
    forge(factory, "good", started=stamp(NOW), committed=NOW)
    bad = encode(make_record("bad", started_at="9999-01-01T00:00:00.000Z", status="exploded"))
    factory.commit("refs/experiments/bad", {".gitxp/run.json": bad}, parent=None, at=int(NOW - DAY))
    factory.commit("refs/experiments/worse", {".gitxp/run.json": b"{"}, parent=None, at=int(NOW + 9 * DAY))
    assert opened(now=NOW).newest() == ["good", "bad", "worse"]


def test_where_our_clock_is_behind_the_order_stays(repo: str, opened: Any) -> None:
    """With a clock that was set back, all runs are to come, and are listed by their start as ever."""
    factory = Factory(repo)
    for name in ("one", "two", "three"):
        factory.make(name)
    assert opened(now=START - 9 * DAY).newest() == ["three", "two", "one"]
    assert opened().newest(2, skip=1) == ["two", "one"]


def test_a_symbolic_ref_is_no_second_run(repo: str, git: Any, opened: Any) -> None:
    """Another name that git has for a run makes no row; one that leads elsewhere is told as a strange ref."""
    factory = Factory(repo)
    factory.make("real")
    git("symbolic-ref", "refs/experiments/alias", "refs/experiments/real")
    git("symbolic-ref", "refs/experiments/chain", "refs/experiments/alias")
    git("symbolic-ref", "refs/experiments/branch", "refs/heads/main")
    for _ in range(2):
        page = opened().index.newest()
        assert (names(page.runs), page.total, page.strange) == (["real"], 1, ("refs/experiments/branch",))
    git("update-ref", "--no-deref", "refs/experiments/alias", git("rev-parse", "refs/experiments/real"))
    assert opened().newest() == ["alias", "real"]
    git("symbolic-ref", "refs/experiments/alias", "refs/experiments/real")
    assert opened().newest() == ["real"]


def test_a_commit_is_read_once(repo: str, opened: Any) -> None:
    """What the index knows is not read again by any process; a new run costs one commit, whatever there is else."""
    factory = Factory(repo)
    factory.make_many(30)
    assert len(opened().newest()) == 30
    again = opened()
    again.newest()
    assert again.read == 0
    factory.make("new")
    once = opened()
    assert once.newest(1) == ["new"]
    assert once.read == 1


def test_runs_that_move_come_and_go_are_noticed(repo: str, git: Any, opened: Any) -> None:
    """The index is never asked which runs there are: what plain git did to the refs shows at once."""
    factory = Factory(repo)
    one = factory.make("one", status="running")
    factory.make("two")
    assert [(run.name, run.status) for run in opened().index.newest().runs] == [
        ("two", "completed"),
        ("one", "running"),
    ]
    factory.advance("one", make_record("one", 1, status="failed", exit_code=1))
    git("update-ref", "-d", "refs/experiments/two")
    git("update-ref", "refs/experiments/copy", one)
    found = [(run.name, run.status) for run in opened().index.newest().runs]
    assert found == [("copy", "running"), ("one", "failed")]
    git("update-ref", "-d", "refs/experiments/copy")
    git("update-ref", "-d", "refs/experiments/one")
    assert opened().newest() == []


def test_records_that_nothing_leads_to_are_forgotten(repo: str, git: Any, path: str, opened: Any) -> None:
    """The file does not grow with every step of a run."""
    factory = Factory(repo)
    factory.make("one", status="running")
    opened().newest()
    last = factory.advance("one", make_record("one", 1))
    factory.make("two")
    opened().newest()
    git("update-ref", "-d", "refs/experiments/two")
    opened().newest()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT commit_id FROM records").fetchall() == [(last,)]


def test_a_bad_record_is_a_row_at_its_time(repo: str, opened: Any) -> None:
    """A run that cannot be read is listed, with its problem, where its commit's time puts it; now and from the file."""
    factory = Factory(repo)
    factory.make("old")
    factory.make("bad", raw=b"{")
    factory.make("newer-format", raw=b'{"format": 99}')
    factory.make("young")
    for _ in range(2):
        runs = opened().index.newest().runs
        assert names(runs) == ["young", "newer-format", "bad", "old"]
        assert [bool(run.problem) for run in runs] == [False, True, True, False]
    assert runs[1].record == {"format": 99}


def test_strange_refs_are_told(repo: str, git: Any, opened: Any) -> None:
    """Refs that no run can have are told beside the runs, also when the index is warm."""
    Factory(repo).make("fine")
    git("update-ref", "refs/experiments/a/b", "HEAD")
    for _ in range(2):
        page = opened().index.newest(1)
        assert (names(page.runs), page.total, page.strange) == (["fine"], 1, ("refs/experiments/a/b",))


def test_find_by_beginnings(repo: str, opened: Any) -> None:
    """Runs are found by the beginning of the name, of an id of 8 characters or more, of a tip of 7 or more."""
    factory = Factory(repo)
    one, two = factory.make("calm-otter"), factory.make("calm-owl")
    index = opened().index
    assert names(index.find("calm-o")) == ["calm-owl", "calm-otter"]
    assert names(index.find("Calm")) == []
    assert names(index.find(make_id(1)[:8])) == ["calm-otter"]
    assert names(index.find(make_id(1).upper())) == ["calm-otter"]
    assert names(index.find(make_id(1)[:7])) == []
    assert names(index.find(two[:7])) == ["calm-owl"]
    assert names(index.find(one.upper())) == ["calm-otter"]
    assert names(index.find(two[:6])) == []
    for nothing in ("", "é", "\udcff", "%", "calm_"):
        assert index.find(nothing) == []


def test_odd_text_in_records_survives(repo: str, opened: Any) -> None:
    """Bytes that are no UTF-8 in a command, ids that are no ids, and quotes come back as they were."""
    factory = Factory(repo)
    factory.make("one", command=["caf\udce9", "'; DROP TABLE runs; --", "\0"], id="\udcff no id")
    for _ in range(2):
        (run,) = opened().index.newest().runs
        assert run.command == ("caf\udce9", "'; DROP TABLE runs; --", "\0")
        assert run.id == "\udcff no id"


def damage_garbage(path: str) -> None:
    """Bytes that are no database."""
    with open(path, "wb") as file:
        file.write(b"garbage" * 5000)


def damage_cut(path: str) -> None:
    """Half of the file is gone."""
    os.truncate(path, os.path.getsize(path) // 2)


def damage_middle(path: str) -> None:
    """Pages in the middle are overwritten."""
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (os.path.getsize(path) - 4096))


def damage_empty(path: str) -> None:
    """The file is there and empty."""
    os.truncate(path, 0)


def damage_version(path: str) -> None:
    """A later gitxp made it."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE refs")
        database.execute("CREATE TABLE refs (other TEXT)")
        database.execute(f"PRAGMA user_version = {SCHEMA + 1}")


def damage_table(path: str) -> None:
    """A table is gone."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE records")


def damage_row(path: str) -> None:
    """A row holds what no gitxp wrote."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE records SET record = '{'")


def damage_schema(path: str) -> None:
    """The words that made a table are no text any more: sqlite quotes them in what it says."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "rb") as file:
        data = file.read()
    assert b"CREATE TABLE refs (" in data
    with open(path, "wb") as file:
        file.write(data.replace(b"CREATE TABLE refs (", b"CREATE \xff\xcaBLE refs ("))


def damage_folder(path: str) -> None:
    """A folder stands in the file's place."""
    os.unlink(path)
    os.mkdir(path)


def damage_parent(path: str) -> None:
    """A file stands in its folder's place."""
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    with open(os.path.dirname(path), "w", encoding="ascii"):
        pass


DAMAGES = [value for name, value in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_file_is_no_error(repo: str, path: str, opened: Any, damage: Any) -> None:
    """Whatever has become of the file, the answer is the same as without it; where it can be made anew, it is."""
    Factory(repo).make_many(20)
    before = opened().newest()
    damage(path)
    assert opened().newest() == before
    after = opened()
    assert after.newest() == before
    if damage not in {damage_folder, damage_parent}:
        assert after.read == 0


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE refs SET name = 'other'; UPDATE fields SET tags = '['",
        "UPDATE params SET value = x'5b'",
        "UPDATE facts SET value = '[' WHERE key = 'strange'",
        "DELETE FROM records",
    ],
)
def test_a_question_that_meets_damage_is_answered(repo: str, path: str, opened: Any, harm: str) -> None:
    """What a question finds to be damaged is made anew, and the answer is the right one."""
    Factory(repo).make("a", params={"lr": [1, 2]}, tags=["good"])

    def ask() -> Any:
        index = opened().index
        return names(index.search(Asked("'good' in tags")).runs), index.values(Asked(), ["lr", "tags"])[0].values

    before = ask()
    assert before == (["a"], ([1, 2], ["good"]))
    with closing(sqlite3.connect(path)) as database:
        database.executescript(harm)
    assert ask() == before


@pytest.mark.parametrize(
    "where", ["not " * 150 + "dirty", "duration" + " + duration" * 400 + " > 1", "age + " * 150 + "age > 1"]
)
def test_a_question_that_sqlite_cannot_take_is_no_damage(repo: str, path: str, opened: Any, where: str) -> None:
    """What is nested deeper than SQL may be is a mistake in the question, and the file stays."""
    Factory(repo).make("a")
    opened().newest()
    before = os.stat(path).st_ino
    with pytest.raises(UsageError, match="nested too deep"):
        opened().index.search(Asked(where))
    assert os.stat(path).st_ino == before


def test_lists_of_thousands_may_be_asked_for(repo: str, opened: Any) -> None:
    """A list is as long as the expression may be."""
    Factory(repo).make_many(3)
    wanted = ["run-0002", *(f"x{i}" for i in range(1000))]
    assert names(opened().index.search(Asked(f"name in {wanted}")).runs) == ["run-0002"]
    assert names(opened().index.search(Asked(f"name not in {wanted}")).runs) == ["run-0003", "run-0001"]


def test_ctrl_c_ends_a_regular_expression(repo: str, path: str, opened: Any) -> None:
    """An expression that would take years is left by Ctrl-C, and the file is as it was."""
    Factory(repo).make("x" * 60)
    opened().newest()
    before = os.stat(path).st_ino
    script = (
        "import signal, sys\n"
        "from gitxp.repo import Repo\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))\n"
        "repo = Repo(sys.argv[1])\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
        "try:\n"
        "    repo.runs(where='name ~ \"^(x+x+)+y\"')\n"
        "except KeyboardInterrupt:\n"
        "    print('left')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, repo], capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout == "left\n"
    assert os.stat(path).st_ino == before


def test_deleting_the_file_is_noticed(repo: str, path: str, opened: Any) -> None:
    """Without its file the index is made again."""
    Factory(repo).make_many(3)
    before = opened().newest()
    os.unlink(path)
    assert opened().newest() == before
    assert os.path.exists(path)


def test_a_locked_file_is_read_and_left_alone(
    repo: str, path: str, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes and does not end, what the file knows is used, and what is new is read beside it."""
    monkeypatch.setattr(index_file, "_PATIENCE", 0.05)
    factory = Factory(repo)
    factory.make_many(3)
    opened().newest()
    factory.make("new")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        mine = opened()
        assert mine.newest(1) == ["new"]
        assert mine.index.newest().total == 4
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM refs").fetchone() == (3,)


def test_a_file_that_cannot_be_written_is_still_of_use(
    repo: str, path: str, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a read-only or full disk the file is copied into memory: old runs are not read again, new ones are found."""
    factory = Factory(repo)
    factory.make_many(10)
    opened().newest()
    factory.make("new")
    connect = sqlite3.connect

    def refuse(place: str, **options: Any) -> sqlite3.Connection:
        if place == path:
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise error
        return connect(place, **options)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    mine = opened()
    assert mine.newest(1) == ["new"]
    assert mine.read == 1


def test_memory_alone(repo: str, opened: Any) -> None:
    """Without a path nothing is written."""
    Factory(repo).make_many(2)
    assert len(opened(None).newest()) == 2
    assert not os.path.exists(f"{repo}/.git/gitxp")


READER = """
import sys
from gitxp.repo import Repo
for _ in range(5):
    page = Repo(sys.argv[1]).page()
    assert len(page.runs) == page.total, (len(page.runs), page.total)
    assert {f"run-{n:04d}" for n in range(1, 301)} <= {run.name for run in page.runs}
"""


def test_processes_at_once_see_all_runs(repo: str) -> None:
    """Processes that build the index together, while runs come and go, each see every run."""
    factory = Factory(repo)
    factory.make_many(300)
    command = [sys.executable, "-c", READER, repo]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    readers = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for number in range(10):
        factory.make(f"other-{number}")
    for reader in readers:
        _, words = reader.communicate(timeout=60)
        assert reader.returncode == 0, words
    assert Counting(repo, f"{repo}/.git/gitxp/index.sqlite").index.newest(0).total == 310


def test_forgotten_records_are_read_again(repo: str, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that another process forgets between our look and our write is read again, and no run is lost."""
    Factory(repo).make_many(4)
    mine = opened()
    original = module.Mirror._read_missing

    def forget(self: module.Mirror, database: sqlite3.Connection, commits: Any) -> None:
        original(self, database, commits)
        database.execute("DELETE FROM records")

    monkeypatch.setattr(module.Mirror, "_read_missing", forget)
    assert len(mine.newest()) == 4


def test_chunks_make_no_difference(repo: str, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More runs than fit into one transaction are all there."""
    monkeypatch.setattr(module, "_CHUNK", 7)
    Factory(repo).make_many(30)
    assert sorted(opened().newest()) == [f"run-{n:04d}" for n in range(1, 31)]


def test_time_of_a_run_without_one_is_its_commits(repo: str, opened: Any) -> None:
    """A bad record is sorted by the committer's time."""
    factory = Factory(repo)
    factory.commit("refs/experiments/bad", {".gitxp/run.json": b"?"}, parent=None, at=START + 90)
    factory.commit("refs/experiments/one", {".gitxp/run.json": encode(make_record("one", 1))}, parent=None)
    factory.commit("refs/experiments/two", {".gitxp/run.json": encode(make_record("two", 2))}, parent=None)
    assert opened().newest() == ["two", "bad", "one"]
    assert isinstance(opened().index.newest().runs[0].commit, str)
    assert Oid(opened().index.newest().runs[0].commit)


def test_progress_of_the_first_look(repo: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many of how many were read is told while it goes on, and nothing once all is known."""
    monkeypatch.setattr(module, "_CHUNK", 4)
    Factory(repo).make_many(10)
    git, told = Git(repo), []
    index = Index(git, path, lambda _: CatFile(git), progress=lambda done, total: told.append((done, total)))
    index.newest(1)
    index.newest(1)
    assert told == [(4, 10), (8, 10), (10, 10)]


KILLED = """
import os, signal, sys
from gitxp.query import mirror
from gitxp.repo import Repo
mirror._CHUNK = 50
def progress(done, total):
    if done >= 150:
        os.kill(os.getpid(), int(sys.argv[2]))
repo = Repo(sys.argv[1])
repo.indexing = progress
repo.page()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_kill_in_the_middle_costs_a_chunk_at_most(repo: str, opened: Any, number: int) -> None:
    """What was read before the end is not read again, and the answer is that of an index that was never interrupted."""
    Factory(repo).make_many(600)
    command = [sys.executable, "-c", KILLED, repo, str(int(number))]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environ, capture_output=True, check=False, timeout=60)
    assert ended.returncode == -number
    mine = opened()
    runs = mine.index.newest().runs
    assert mine.read == 450
    assert runs == opened(None).index.newest().runs
    assert names(runs) == [f"run-{n:04d}" for n in range(600, 0, -1)]


ODDITIES = {
    "metrics": [{"loss": {"last": 0.5}}, {"loss": {"last": "nan", "count": 2}}, {"loss": {"last": 3, "max": 4.5}}],
    "params": [{"lr": None}, {"lr": True}, {"lr": 10**100}, {"lr": [1, 2.5]}, {"lr": "0.1", "\udcff": 1.5}],
}


def test_many_runs_are_read_as_each_alone(repo: str, opened: Any) -> None:
    """Records of usual and odd shapes, annotated or not, sound or not, are the same from the index and by themselves."""
    factory = Factory(repo)
    factory.make_many(150)
    for number, (key, value) in enumerate((key, value) for key, values in ODDITIES.items() for value in values):
        factory.make(f"odd-{number}", **{key: value})
    factory.make("deep", raw=b"[" * 100_000)
    factory.make(
        "long",
        raw=encode({**make_record("long"), "params": {"seed": 0}}).replace(b'"seed": 0', b'"seed": ' + b"9" * 400),
    )
    factory.make("wide", params={f"p{n}": n / 7 for n in range(3000)})
    factory.make("wrong", metrics={"loss": {"last": 1.0, "count": -1, "max": 1.0, "min": 1.0, "step": 0}})
    factory.make("no-edit", files={".gitxp/annotations/0000000001-0000000000000.json": "{"})
    found = {run.name: run for run in opened().index.newest().runs}
    objects = CatFile(Git(repo))
    alone = {where.name: read_run(objects, where) for where in list_refs(Git(repo)).runs()}
    objects.close()
    assert found == alone
    assert {name for name, run in found.items() if run.problem} == {"deep", "long", "wrong"}
