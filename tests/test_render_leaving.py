from __future__ import annotations

from dataclasses import replace

from gitxp.leaving import FILE_NAME, Leaving, LeavingFile, LikelySecret
from gitxp.render.leaving import leaving_lines, secret_lines

FILES = (LeavingFile("a", "notes.txt", 1024), LeavingFile("a", "tokens.py", 2048), LeavingFile("b", "z.py", 3))
SECRET = LikelySecret("run-a", "config.py", 3, "GitHub token", "x = '<redacted>")


def test_numbers_and_files() -> None:
    """How much goes where, which files go for the first time, and how many changes nobody committed."""
    leaving = Leaving(3, 12, 48 * 1024, FILES[:2], modified=2)
    assert leaving_lines(leaving, "origin", "https://example.com/x.git", 200) == [
        "3 runs, 12 objects, 48.0 KiB, to origin (https://example.com/x.git)",
        "2 files leave this machine for the first time that no commit has: notes.txt (1.0 KiB), tokens.py (2.0 KiB)",
        "2 changed files that nobody committed",
    ]
    assert leaving_lines(Leaving(1, 1, 10), "../x.git", "../x.git", 80) == ["1 run, 1 object, 10 B, to ../x.git"]
    told = [leaving_lines(Leaving(1, 1, 10, commits_of_branches=count), "o", "o", 80)[1] for count in (1, 2000)]
    assert told == [
        "1 commit of branches goes along, which is not there yet",
        "2,000 commits of branches go along, which are not there yet",
    ]


def test_lists_fit_the_width() -> None:
    """As many files are named as fit, one at the least, and the others are counted."""
    for width in range(200):
        (_, line) = leaving_lines(Leaving(1, 1, 1, FILES), "o", "o", width)
        shown = sum(file.path in line for file in FILES)
        assert 1 <= shown <= 3
        assert line.endswith(f" and {3 - shown} more") == (shown < 3)
        assert shown == 1 or len(line) <= width
    assert shown == 3


def test_secrets() -> None:
    """Each with its run, place, kind and masked line; a name of a file; how many runs; how many more."""
    secrets = (
        SECRET,
        replace(SECRET, kind="AWS access key", runs=3),
        LikelySecret("run-b", ".env", 0, FILE_NAME, "", 2),
    )
    assert secret_lines(Leaving(1, 1, 1, secrets=secrets)) == [
        "run-a: config.py:3 looks like a GitHub token: x = '<redacted>",
        "run-a: config.py:3 looks like an AWS access key (and in 2 more runs): x = '<redacted>",
        "run-b: .env has a name that files with secrets have (and in 1 more run)",
    ]
    assert secret_lines(Leaving(1, 1, 1, secrets=secrets), most=2)[2:] == ["and 1 more"]
    assert secret_lines(Leaving(1, 1, 1)) == []


def test_what_was_not_looked_at() -> None:
    """Files that were not looked at are counted, with their bytes."""
    assert secret_lines(Leaving(1, 1, 1, unscanned=2, unscanned_size=5 << 20)) == [
        "2 files (5.0 MiB) were not looked at for secrets: too large, or too many"
    ]


def test_whatever_comes_from_a_repository_is_visible() -> None:
    """Escape sequences, newlines and bytes that are no UTF-8 in names, addresses, paths and lines reach no terminal."""
    odd = "a\x1b[31m\n\u202e\udce9"
    leaving = Leaving(1, 1, 1, (LeavingFile("a", odd, 1),), secrets=(LikelySecret(odd, odd, 1, odd, odd),))
    for line in (*leaving_lines(leaving, odd, odd + "x", 80), *secret_lines(leaving)):
        assert line.isprintable()
        assert "\\x1b[31m\\n\\u202e\\xe9" in line


def test_long_paths_are_cut() -> None:
    """A path of a megabyte does not fill the screen."""
    leaving = Leaving(
        1, 1, 1, (LeavingFile("a", "x" * 1_000_000, 1),), secrets=(replace(SECRET, path="y" * 1_000_000),)
    )
    assert all(len(line) < 400 for line in (*leaving_lines(leaving, "o", "o", 80), *secret_lines(leaving)))
