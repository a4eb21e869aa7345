from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.environment.packages import find_packages
from gitxp.capture.environment.project_files import project_files
from gitxp.capture.environment.sources import sources
from gitxp.capture.kept import MustAsk, keep, load_kept
from gitxp.git.program import Git

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git as RunGit
    from conftest import Gitxp

COMMIT = "5547fa909e83df8bd455d3e978773661e916f66e"


def install(site: Path, entry: str, direct_url: object = None) -> None:
    """Put a package into a site-packages folder, with its direct_url.json."""
    (site / entry).mkdir(parents=True)
    if direct_url is not None:
        text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
        (site / entry / "direct_url.json").write_text(text)


def found_in(site: Path, *, cache: str | None = None, toplevel: str | None = None, timeout: float = 5) -> Any:
    """What is told of the packages in this folder."""
    return sources(find_packages([str(site)]), toplevel, cache, timeout)


def git(folder: Path, *args: str) -> str:
    """The output of git in a folder."""
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def source_folder(folder: Path) -> str:
    """A repository with one committed file; its commit."""
    folder.mkdir(parents=True)
    (folder / "lib.py").write_text("x = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Start")
    return git(folder, "rev-parse", "HEAD")


def test_from_an_address(tmp_path: Path) -> None:
    """A package from git, from an archive or from a folder says so, without passwords; one from an index says nothing."""
    vcs = {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"}
    url = "https://me:hunter22@example.org/lib.git"
    install(tmp_path, "lib-1.0.dist-info", {"url": url, "vcs_info": vcs, "subdirectory": "py"})
    hashes = {"sha256": "ab" * 32}
    install(tmp_path, "whl-2.dist-info", {"url": "file:///d/whl-2.whl", "archive_info": {"hashes": hashes}})
    install(tmp_path, "local-3.dist-info", {"url": "file:///d/local", "dir_info": {}})
    install(tmp_path, "numpy-2.dist-info")
    found = found_in(tmp_path)
    assert found == {
        "lib": {
            "url": found["lib"]["url"],
            "vcs": "git",
            "commit": COMMIT,
            "revision": "main",
            "subdirectory": "py",
        },
        "whl": {"url": "file:///d/whl-2.whl", "hash": f"sha256={'ab' * 32}"},
        "local": {"url": "file:///d/local"},
    }
    assert "hunter22" not in str(found)
    assert "example.org/lib.git" in found["lib"]["url"]


def test_secrets_of_an_address(tmp_path: Path) -> None:
    """No part of a direct_url.json holds a token, however long the address is, nor does what is kept of it."""
    vcs = {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main?token=c1nary"}
    url = f"https://{'c2nary' * 400}@example.org/lib.git?sig=c3nary"
    install(tmp_path / "site", "lib-1.0.dist-info", {"url": url, "vcs_info": vcs, "subdirectory": "py&token=c4nary"})
    token = "gh" + "p_" + "c5nary" * 6
    install(
        tmp_path / "site", "b-1.dist-info", {"url": "https://h/b", "vcs_info": {**vcs, "requested_revision": token}}
    )
    cache = tmp_path / "cache"
    found = found_in(tmp_path / "site", cache=str(cache))
    assert found["lib"] == {
        "url": "https://<redacted>@example.org/lib.git?sig=<redacted>",
        "vcs": "git",
        "commit": COMMIT,
        "revision": "main?token=<redacted>",
        "subdirectory": "py&token=<redacted>",
    }
    assert found["b"]["revision"] == "<redacted>"
    kept = "".join(path.read_text() for path in cache.rglob("*") if path.is_file())
    assert "<redacted>" in kept
    assert "nary" not in kept


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"url": 3}', '{"dir_info": {"editable": true}}', "[" * 60_000, '{"vcs_info": []}']
)
def test_damaged(tmp_path: Path, text: str) -> None:
    """A direct_url.json that says nothing is passed over."""
    install(tmp_path, "lib-1.0.dist-info", text)
    assert found_in(tmp_path) == {}


def test_editable(tmp_path: Path) -> None:
    """Of an editable package, git tells the commit of its folder, and whether anything there was changed."""
    folder = tmp_path / "my code"
    commit = source_folder(folder)
    url = f"file://{tmp_path}/my%20code"
    install(tmp_path / "site", "lib-1.0.dist-info", {"url": url, "dir_info": {"editable": True}})
    clean = {"url": url, "editable": True, "commit": commit, "dirty": False}
    assert found_in(tmp_path / "site") == {"lib": clean}
    (folder / "new.py").touch()
    assert found_in(tmp_path / "site") == {"lib": {**clean, "dirty": True}}


def test_editable_that_is_the_project(tmp_path: Path) -> None:
    """What lies in the run's own working tree is in the snapshot: git is not asked. A repository inside of it is not."""
    source_folder(tmp_path / "project")
    commit = source_folder(tmp_path / "project" / "vendor")
    about = {"url": f"file://{tmp_path}/project", "dir_info": {"editable": True}}
    site = tmp_path / "site"
    install(site, "mine-1.0.dist-info", about)
    found = found_in(site, toplevel=str(tmp_path / "project"))
    assert found == {"mine": {"url": about["url"], "editable": True}}
    install(site, "vendor-1.0.dist-info", {**about, "url": f"{about['url']}/vendor"})
    assert found_in(site, toplevel=str(tmp_path / "project"))["vendor"]["commit"] == commit


def test_editable_without_git(tmp_path: Path) -> None:
    """A folder that is in no repository, or is gone, has no commit."""
    (tmp_path / "plain").mkdir()
    for name in ("plain", "gone"):
        about = {"url": f"file://{tmp_path}/{name}", "dir_info": {"editable": True}}
        install(tmp_path / "site", f"{name}-1.0.dist-info", about)
    found = found_in(tmp_path / "site")
    assert {tuple(sorted(source)) for source in found.values()} == {("editable", "url")}
    assert sorted(found) == ["gone", "plain"]


def test_egg_link(tmp_path: Path) -> None:
    """What `setup.py develop` left is a package, too: its version stands in the folder that the link leads to."""
    commit = source_folder(tmp_path / "old")
    (tmp_path / "old" / "my_lib.egg-info").mkdir()
    (tmp_path / "old" / "my_lib.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nVersion: 0.3\n\nText\n")
    site = tmp_path / "site"
    site.mkdir()
    (site / "my-lib.egg-link").write_text(f"{tmp_path / 'old'}\n.")
    assert find_packages([str(site)])["my-lib"].version == "0.3"
    assert found_in(site)["my-lib"] == {
        "url": f"file://{tmp_path / 'old'}",
        "editable": True,
        "commit": commit,
        "dirty": True,  # the egg-info
    }


def test_kept(tmp_path: Path) -> None:
    """What was decoded is not decoded again until it changes; a folder of source is looked at each time."""
    site, cache = tmp_path / "site", str(tmp_path / "cache")
    install(site, "lib-1.0.dist-info", {"url": "https://example.org/lib.whl", "archive_info": {}})
    with pytest.raises(MustAsk):
        found_in(site, cache=cache, timeout=0)
    found = found_in(site, cache=cache)
    assert found_in(site, cache=cache, timeout=0) == found
    install(site, "ed-1.0.dist-info", {"url": f"file://{tmp_path}", "dir_info": {"editable": True}})
    for _ in range(2):
        with pytest.raises(MustAsk):
            found_in(site, cache=cache, timeout=0)
        assert found_in(site, cache=cache)["ed"]["editable"] is True


def test_a_git_that_hangs_is_killed(tmp_path: Path) -> None:
    """After its time, git and all that it started are gone, and there is no answer."""
    source_folder(tmp_path / "r")
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    alias = f"alias.hang=!exec 9>{tmp_path}/alive; echo >&9; sleep 1000"
    hanging = Git(str(tmp_path / "r"), own_group=True, settings=[alias])
    assert hanging.ask_within(1, "hang") is None
    os.set_blocking(reader, True)
    assert os.read(reader, 10) == b"\n"
    assert os.read(reader, 10) == b""  # the end: nobody is left who holds it
    os.close(reader)
    answer = Git(str(tmp_path / "r"), own_group=True).ask_within(60, "rev-parse", "--is-inside-work-tree")
    assert answer is not None
    assert (answer.status, answer.stdout) == (0, b"true\n")


def test_project_files(tmp_path: Path) -> None:
    """Locks and recipes at the top and in the command's folder are told by their digests; others are not."""
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("uv.lock", "requirements-dev.txt", "Dockerfile.gpu", "README.md", "sub/Makefile", "sub/deep/uv.lock"):
        (tmp_path / name).write_text("text")
    os.mkfifo(tmp_path / "Makefile")
    (tmp_path / "poetry.lock").symlink_to("absent")
    found = project_files(str(tmp_path), str(tmp_path / "sub"), None, 1)
    assert list(found) == ["Dockerfile.gpu", "requirements-dev.txt", "uv.lock", "sub/Makefile"]
    assert found["uv.lock"]["size"] == 4
    assert len(found["uv.lock"]["xxh3_128"]) == 32
    assert project_files(str(tmp_path), "/", None, 1).keys() == found.keys() - {"sub/Makefile"}


def test_project_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest is kept until the file changes; that of a file which changed just now is not kept."""
    (tmp_path / "uv.lock").write_text("a")
    place, cache = str(tmp_path), str(tmp_path / "cache")
    new = project_files(place, place, cache, 1)
    with pytest.raises(MustAsk):
        project_files(place, place, cache, 0)
    later = time.time_ns() + 100 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert project_files(place, place, cache, 1) == new
    assert project_files(place, place, cache, 0) == new
    (tmp_path / "uv.lock").write_text("b")
    with pytest.raises(MustAsk):
        project_files(place, place, cache, 0)
    assert project_files(place, place, cache, 1) != new


def test_what_is_kept(tmp_path: Path) -> None:
    """An answer comes back as long as everything is the same; what is damaged or holds NULs is none."""
    cache = str(tmp_path / "cache")
    keep(cache, "noun", "key", "same", ["a", "", "\udcff"])
    assert load_kept(cache, "noun", "key", "same") == ["a", "", "\udcff"]
    assert load_kept(cache, "noun", "key", "other") is None
    assert load_kept(cache, "noun", "other", "same") is None
    keep(cache, "noun", "nul", "same", ["a\0b"])
    assert load_kept(cache, "noun", "nul", "same") is None
    (file,) = (tmp_path / "cache" / "noun").iterdir()
    file.write_bytes(file.read_bytes()[:-2])
    keep(None, "noun", "key", "same", [])
    assert load_kept(None, "noun", "key", "same") is None
    file.write_text("key\0same\0003\0a")
    assert load_kept(cache, "noun", "key", "same") is None


def test_of_a_run(repo: str, gitxp: Gitxp, git: RunGit) -> None:
    """A run's environment has the digests of the project's files, also those that git ignores, and two runs one blob."""
    with open(os.path.join(repo, ".gitignore"), "w") as file:
        file.write("uv.lock\n")
    with open(os.path.join(repo, "uv.lock"), "w") as file:
        file.write("version = 1\n")
    for name in ("a", "b"):
        gitxp("run", "--name", name, "--", sys.executable, "-c", "")
    environment = json.loads(git("show", "experiments/a:.gitxp/environment.json"))
    assert environment["files"]["uv.lock"]["size"] == 12
    assert git("rev-parse", "experiments/a:.gitxp/environment.json") == git(
        "rev-parse", "experiments/b:.gitxp/environment.json"
    )
