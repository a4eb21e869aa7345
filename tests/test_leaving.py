from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from conftest import DATES
from gitxp.format import Oid
from gitxp.git.cat_file import CatFile
from gitxp.git.program import Git as Program
from gitxp.leaving import FILE_NAME, Leaving, LeavingFile, LikelySecret
from gitxp.sharing.leaving import Bounds, Names, survey_leaving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from conftest import Git, Gitxp

# Put together here, so that no scanner takes this file for one that holds secrets.
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
LINE = f"x = '{TOKEN}'\n"


class Place:
    """A repository with runs made by the real command, and what its surveys say."""

    def __init__(self, top: str, git: Git, gitxp: Gitxp) -> None:
        self.top, self.git, self.gitxp = top, git, gitxp
        self.program = Program(top)
        self.objects = CatFile(self.program)

    def write(self, path: str, data: str | bytes) -> None:
        """A file of the working tree."""
        os.makedirs(os.path.dirname(os.path.join(self.top, path)), exist_ok=True)
        with open(os.path.join(self.top, path), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    def commit(self) -> Oid:
        """All that is there, on the branch."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=More", env=DATES)
        return Oid(self.git("rev-parse", "HEAD"))

    def run(self, name: str, *command: str) -> None:
        """A run of this name."""
        self.gitxp("run", "--name", name, "--", *(command or ("true",)))

    def tip(self, name: str) -> Oid:
        """Its last commit."""
        return Oid(self.git("rev-parse", f"refs/experiments/{name}"))

    def survey(self, *names: str, base: str | None = "main", there: Sequence[str] = (), **options: object) -> Leaving:
        """What pushing these runs would send, in their order."""
        oid = Oid(self.git("rev-parse", base)) if base else None
        runs = [(name, self.tip(name), oid) for name in names]
        commits = [Oid(self.git("rev-parse", commit)) for commit in there]
        return survey_leaving(self.program, self.objects, runs, commits, **options)  # type: ignore[arg-type]


@pytest.fixture
def place(repo: str, git: Git, gitxp: Gitxp) -> Iterator[Place]:
    """The test's repository."""
    made = Place(repo, git, gitxp)
    yield made
    made.objects.close()


def told(leaving: Leaving) -> list[tuple[str, str, int, str]]:
    """The findings without their excerpts."""
    return [(secret.run, secret.path, secret.line, secret.kind) for secret in leaving.secrets]


def test_numbers_are_git_s_own(place: Place, tmp_path: Path) -> None:
    """Objects are as many as an empty remote receives, and as a remote that has the base does; bytes are those on disk."""
    place.run("a")
    place.write("new.py", "x = 1\n")
    place.run("b")
    leaving = place.survey("a", "b")
    remote = str(tmp_path / "remote.git")
    place.git("init", "--quiet", "--bare", remote)
    place.git("push", "--quiet", remote, "refs/experiments/*")
    counted = [line.split(": ") for line in place.git("count-objects", "-v", cwd=remote).splitlines()]
    facts = {key: int(value) for key, value in counted if value.isdigit()}
    assert (leaving.runs, leaving.objects) == (2, facts["count"] + facts["in-pack"])
    listed = place.git("rev-list", "--objects", "--no-object-names", place.tip("a"), place.tip("b"))
    sizes = place.git("cat-file", "--batch-check=%(objectsize:disk)", input=listed + "\n").split()
    assert leaving.size == sum(map(int, sizes))
    of_base = int(place.git("rev-list", "--objects", "--count", "main"))
    assert of_base == 3
    assert place.survey("a", "b", there=["main"]).objects == leaving.objects - of_base


def test_files_that_leave_for_the_first_time(place: Place) -> None:
    """Untracked files are told with their sizes, each content once; changed files are counted; `.gitxp` is neither."""
    place.write("notes.txt", "hello\n")
    place.write("copy.txt", "hello\n")
    place.write("odd\nname \x1b[31m\udce9.txt", "odd\n")
    place.write("train.py", "print(1)\n")
    place.run("a", "sh", "-c", "echo out")
    place.run("b")
    leaving = place.survey("a", "b", there=["main"])
    assert leaving.files == (
        LeavingFile("a", "copy.txt", 6),
        LeavingFile("a", "odd\nname \x1b[31m\udce9.txt", 4),
    )
    assert leaving.modified == 1


def test_what_the_remote_has_is_not_told_again(place: Place) -> None:
    """A file that left with a run before leaves no second time, though the base does not have it; nor is it looked at."""
    place.write("notes.txt", LINE)
    place.run("a")
    place.write("more.txt", "more\n")
    place.run("b")
    leaving = place.survey("b", there=["main", "refs/experiments/a"])
    assert leaving.files == (LeavingFile("b", "more.txt", 5),)
    assert told(leaving) == []


def test_commits_of_branches_that_go_along(place: Place) -> None:
    """What of the user's history the remote does not have is counted: of the base, and of what another branch has; no run's."""
    place.write("a.py", "x = 1\n")
    place.commit()
    place.write("b.py", "x = 1\n")
    place.commit()
    place.write("c.py", "x = 1\n")
    place.run("a")
    place.run("b")
    counts = [place.survey("a", "b", there=there).commits_of_branches for there in ([], ["main~1"], ["main"])]
    assert counts == [3, 1, 0]
    assert place.survey("b", there=["refs/experiments/a"]).commits_of_branches == 0
    place.git("reset", "--quiet", "--soft", "HEAD~1")
    assert place.survey("a", base="refs/experiments/a~2", there=["main"]).commits_of_branches == 0


def test_moved_files_are_known_already(place: Place) -> None:
    """A tracked file that was moved or copied, whether its commit was pushed or not, is not new; its new content would be."""
    place.write("long.py", "y = 1\n" * 50)
    place.commit()
    os.rename("long.py", "moved.py")
    place.write("copied.py", '"""A training script."""\nprint("loss: 0.5")\n')
    place.write("changed.py", "y = 1\n" * 50 + "z = 2\n")
    place.run("a")
    for there in ([], ["main"], ["main~1"]):
        assert [file.path for file in place.survey("a", there=there).files] == ["changed.py"]


def test_a_run_without_base(tmp_path: Path, git: Git, gitxp: Gitxp, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an unborn branch every file of the snapshot is one that no commit has."""
    git("init", "--quiet", tmp_path / "young")
    monkeypatch.chdir(tmp_path / "young")
    place = Place(str(tmp_path / "young"), git, gitxp)
    place.write("src/train.py", LINE)
    git("add", "--all")
    place.write("other.py", "1\n")
    place.run("a")
    leaving = place.survey("a", base=None)
    assert [file.path for file in leaving.files] == ["other.py", "src/train.py"]
    assert told(leaving) == [("a", "src/train.py", 1, "GitHub token")]
    place.objects.close()


def test_commits_of_the_user_bring_no_new_files(place: Place) -> None:
    """A base that was amended away has been committed: its files are not untracked ones, but its secrets do leave."""
    place.write("committed.py", LINE)
    base = place.commit()
    place.write("mine.py", "1\n")
    place.run("a")
    place.git("reset", "--quiet", "--hard", "HEAD~1")
    leaving = place.survey("a", base=base)
    assert [file.path for file in leaving.files] == ["mine.py"]
    assert told(leaving) == [("a", "committed.py", 1, "GitHub token")]


def test_secrets_are_found_where_a_run_brings_them(place: Place) -> None:
    """In untracked and changed files, output, notes, and in what only the first commit of a run has; not in branches or tags."""
    place.write("tracked.py", LINE)
    place.commit()
    place.git("tag", "old")
    place.write("tracked.py", LINE + "# changed elsewhere\n")
    place.commit()
    place.write("new.py", "\n" + LINE)
    place.write("train.py", LINE.replace("x", "y"))
    place.run("a", "printf", "1\n2\ntoken is %s%s\n", TOKEN[:10], TOKEN[10:])
    place.git("checkout", "--quiet", "--force", "old")
    place.run("b")
    leaving = place.survey("a", "b", there=["main~2"])
    assert sorted(told(leaving)) == [
        ("a", ".gitxp/output.log", 3, "GitHub token"),
        ("a", "new.py", 2, "GitHub token"),
        ("a", "train.py", 1, "GitHub token"),
    ]
    assert not any(TOKEN[9:20] in secret.excerpt for secret in leaving.secrets)


def test_a_finding_of_several_runs_is_one(place: Place) -> None:
    """The same line in several runs, and in several commits of one, is told once, with the number of runs."""
    place.write("new.py", LINE)
    for name in "abc":
        place.run(name)
    place.write("new.py", "# moved down\n" + LINE + LINE)
    place.run("d")
    found = [(secret.run, secret.line, secret.runs) for secret in place.survey(*"abcd").secrets]
    assert found == [("a", 1, 4), ("d", 3, 1)]


def test_names_of_files(place: Place) -> None:
    """A file that is tracked and not committed, or let in by gitxp.yaml, is told for its name; rules add and allow."""
    place.write(".env", "A=1\n")
    place.write("config.token", LINE)
    place.git("add", "--intent-to-add", ".env")
    place.git("add", ".env")
    place.run("a")
    assert told(place.survey("a")) == [
        ("a", ".env", 0, FILE_NAME),
        ("a", "config.token", 1, "GitHub token"),
    ]
    names = Names(secret=["*.token"], allowed=[".env"])
    assert told(place.survey("a", names=names))[0] == ("a", "config.token", 0, FILE_NAME)
    assert told(place.survey("a", names=Names(allowed=["*"]))) == []


def test_allowed_lines_and_binary_files(place: Place) -> None:
    """Lines with the comment and binary files are no findings."""
    place.write("allowed.py", LINE.rstrip() + "  # gitxp: allow-secret\n")
    place.write("weights.bin", b"\0" + LINE.encode())
    place.run("a")
    assert told(place.survey("a")) == []


def test_bounds(place: Place) -> None:
    """What is too large or too many is not read, and is counted; the user's files come before gitxp's."""
    place.write("small.py", LINE)
    place.write("large.py", LINE + "#" * 5000)
    place.run("a")
    whole = place.survey("a")
    assert (whole.unscanned, len(whole.secrets)) == (0, 2)
    by_size = place.survey("a", bounds=Bounds(file_size=4000))
    assert [secret.path for secret in by_size.secrets] == ["small.py"]
    assert by_size.unscanned >= 1
    assert by_size.unscanned_size >= 5000
    for bounds in (Bounds(files=2), Bounds(total_size=len(LINE) * 2 + 5000)):
        few = place.survey("a", bounds=bounds)
        assert len(few.secrets) == 2
        assert few.scanned + few.unscanned == whole.scanned
        assert few.unscanned >= 2
    assert len(place.survey("a", bounds=Bounds(findings=1)).secrets) == 1


def test_progress_comes_to_its_end(place: Place) -> None:
    """The callback is told how many of how many files were looked at, up to all."""
    place.write("new.py", "1\n")
    place.run("a")
    calls: list[tuple[int, int]] = []
    place.survey("a", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(number, len(calls) - 1) for number in range(len(calls))]
    assert len(calls) > 2


def test_nothing_to_push(place: Place) -> None:
    """No runs, and runs that the remote has, are nothing."""
    place.run("a")
    assert place.survey() == Leaving(0, 0, 0)
    assert place.survey("a", there=["refs/experiments/a"]) == Leaving(1, 0, 0)


def test_a_run_that_was_pushed_while_it_ran(place: Place) -> None:
    """Of a run whose first commit the remote has, only the rest leaves."""
    place.write("new.py", LINE)
    place.run("a", "echo", TOKEN)
    leaving = place.survey("a", there=["refs/experiments/a~1"])
    assert leaving.files == ()
    assert told(leaving) == [("a", ".gitxp/output.log", 1, "GitHub token")]


@pytest.mark.damaged
def test_objects_that_are_missing(place: Place) -> None:
    """A blob or a commit of the remote's that is not here is passed over: the survey is about what is."""
    place.write("new.py", LINE)
    place.write("other.py", LINE.replace("x", "z"))
    place.run("a")
    blob = place.git("rev-parse", "refs/experiments/a:new.py")
    os.remove(os.path.join(place.top, ".git", "objects", blob[:2], blob[2:]))
    runs = [("a", place.tip("a"), Oid(place.git("rev-parse", "main")))]
    leaving = survey_leaving(place.program, place.objects, runs, [Oid("1" * 40)])
    assert told(leaving) == [("a", "other.py", 1, "GitHub token")]


def test_a_ref_that_leads_to_a_tag(place: Place) -> None:
    """A ref made by hand may lead to an annotated tag of a run: it is looked at as the commit is."""
    place.write("new.py", LINE)
    place.run("a")
    place.git("tag", "--annotate", "--message=t", "t", "refs/experiments/a")
    place.git("update-ref", "refs/experiments/b", "refs/tags/t")
    place.git("update-ref", "-d", "refs/tags/t")
    leaving = place.survey("b")
    assert [(secret.run, secret.path) for secret in leaving.secrets] == [(place.tip("a")[:12], "new.py")]


def test_submodules_and_links(place: Place, tmp_path: Path) -> None:
    """A submodule's commit is no file; a link is one, and its target is its content."""
    place.git("init", "--quiet", tmp_path / "part")
    place.git("commit", "--quiet", "--allow-empty", "--message=p", cwd=tmp_path / "part", env=DATES)
    place.git("submodule", "--quiet", "add", str(tmp_path / "part"), "part")
    os.symlink("/nowhere", os.path.join(place.top, "link"))
    place.run("a")
    assert [file.path for file in place.survey("a").files] == [".gitmodules", "link"]


def test_hundreds_of_commits(place: Place) -> None:
    """More commits than one diff-tree is told of at once are all looked at."""
    stream = b""
    for number in range(900):
        content = f"{number}\n".encode() if number else LINE.encode()
        stream += (
            b"commit refs/experiments/r%d\ncommitter T <t@e> %d +0000\ndata 0\nM 100644 inline f%d.py\ndata %d\n%s\n"
            % (*(number, number + 1, number, len(content), content),)
        )
    place.git("fast-import", "--quiet", input=stream)
    leaving = place.survey(*(f"r{number}" for number in range(900)), base=None)
    assert len({file.path for file in leaving.files}) == 900
    assert told(leaving) == [("r0", "f0.py", 1, "GitHub token")]


def test_findings_say_which_run(place: Place) -> None:
    """A finding is a plain fact with all that a caller needs."""
    place.write("new.py", LINE)
    place.run("a")
    (secret,) = place.survey("a").secrets
    assert secret == LikelySecret("a", "new.py", 1, "GitHub token", "x = '<redacted>", 1)


def test_an_archive_is_told_as_one_and_its_list_is_no_file_of_the_user_s(place: Place) -> None:
    """Runs that go with their archive are surveyed like others; a file called as its list is a file like any."""
    place.write("runs.tsv", "mine\n")
    place.run("a")
    place.write("new.py", LINE)
    place.run("b")
    place.gitxp("archive-refs", "a", "b", "--yes")
    (name,) = place.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/experiments/").split()
    leaving = place.survey(name)
    assert (leaving.runs, leaving.archives) == (0, 1)
    assert sorted((file.path, file.size) for file in leaving.files) == [("new.py", len(LINE)), ("runs.tsv", 5)]
    assert told(leaving) == [(name, "new.py", 1, "GitHub token")]


def test_words_of_a_push_of_archives(place: Place, tmp_path: Path) -> None:
    """An archive is not called a run."""
    place.run("a")
    place.run("b")
    place.gitxp("archive-refs", "a")
    remote = str(tmp_path / "remote.git")
    place.git("init", "--quiet", "--bare", remote)
    planned = place.gitxp("push", "--dry-run", remote).stderr.splitlines()
    assert planned[0].startswith("1 run and 1 archive, ")
    assert planned[1] == "1 commit of branches goes along, which is not there yet"
    assert planned[2].startswith("1 run and 1 archive would go to ")
    assert len(planned) == 3
