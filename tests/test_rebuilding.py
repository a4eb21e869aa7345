from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import GitxpError
from gitxp.restoring.rebuilding import rebuild
from gitxp.restoring.requirements import Recipe, find_own_folders, find_own_packages, find_recipe
from run_factory import Factory
from states import Lab, make
from team import script

if TYPE_CHECKING:
    from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = {"version": f"{VERSION}.0"}


def nothing(path: str) -> None:
    """A snapshot without files."""
    del path


def wheel(folder: Path, name: str, version: str, code: str) -> None:
    """A wheel of one module, as pip takes it."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
        for path, text in files.items()
    ]
    files[f"{about}/RECORD"] = "\n".join([*rows, f"{about}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is all that pip and uv know."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("PIP_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one that gitxp finds: uv first on the PATH, in a folder that notes that it was called; or none of it there."""
    kept = [folder for folder in os.environ["PATH"].split(os.pathsep) if not os.path.exists(os.path.join(folder, "uv"))]
    found = shutil.which("uv")
    own = tmp_path / "bin"
    own.mkdir()
    git = shutil.which("git")
    assert git is not None
    (own / "git").symlink_to(git)
    if request.param == "uv":
        assert found is not None, "uv is in the extra dev"
        script(str(own / "uv"), f'echo "$1 $2" >>"{tmp_path}/called"; exec "{found}" "$@"')
    monkeypatch.setenv("PATH", os.pathsep.join([str(own), *kept]))
    return str(request.param)


def calls(tmp_path: Path) -> list[str]:
    """What uv was called for."""
    called = tmp_path / "called"
    return called.read_text().splitlines() if called.exists() else []


def test_all_that_was_installed() -> None:
    """Packages from an index are pinned; those from git are at their commit, archives have their digest; installers stay out."""
    sha, commit = "a" * 64, "b" * 40
    environment = {
        "python": {"version": "3.12.4"},
        "packages": dict.fromkeys(("numpy", "torch", "from-git", "from-zip", "pip", "uv"), "1.0+cu121"),
        "sources": {
            "from-git": {"url": "https://h/x.git", "vcs": "git", "commit": commit, "subdirectory": "py"},
            "from-zip": {"url": "https://h/x.zip", "hash": f"sha256={sha}"},
        },
    }
    recipe = find_recipe(environment, ".", nothing)
    assert recipe is not None
    assert (recipe.kind, recipe.python, recipe.notices) == ("packages", "3.12", ())
    assert recipe.lines == (
        f"from-git @ git+https://h/x.git@{commit}#subdirectory=py",
        f"from-zip @ https://h/x.zip#sha256={sha}",
        "numpy==1.0+cu121",
        "torch==1.0+cu121",
    )


@pytest.mark.parametrize(
    ("name", "version", "source"),
    [
        ("--index-url=http://evil", "1", None),
        ("-r", "1", None),
        ("a b", "1", None),
        ("a", "1 --pre", None),
        ("a", "1\n--pre", None),
        ("a", "../x", None),
        ("a", 1, None),
        ("a", "1", {"url": "file:///etc", "editable": True}),
        ("a", "1", {"url": "file:///etc"}),
        ("a", "1", {"url": "/etc"}),
        ("a", "1", {"url": "https://h/x y"}),
        ("a", "1", {"url": "https://h/x\n-r /etc/passwd"}),
        ("a", "1", {"url": "https://h/x.git", "vcs": "git", "commit": "--upload-pack=x"}),
        ("a", "1", {"url": "https://h/x.git", "vcs": "hg", "commit": "b" * 40}),
        ("a", "1", {"url": "ext::sh -c x", "vcs": "git", "commit": "b" * 40}),
        ("a", "1", {"url": 7}),
        ("a", "1", "x"),
    ],
)
def test_what_is_no_package_is_not_installed(name: str, version: Any, source: Any) -> None:
    """Names, versions and addresses that have another form than such have are passed over, and told."""
    environment = {"packages": {name: version, "b": "2"}, "sources": {} if source is None else {name: source}}
    recipe = find_recipe(environment, ".", nothing)
    assert recipe is not None
    assert recipe.lines == ("b==2",)
    assert len(recipe.notices) == 1


def test_lock_files_of_the_snapshot() -> None:
    """Without a list of packages it is uv.lock, then requirements.txt; that in the command's folder first."""
    files = {"uv.lock": b"top", "sub/uv.lock": b"sub", "requirements.txt": b"r"}
    found = find_recipe({}, "sub", files.get)
    assert found is not None
    assert (found.kind, found.path, found.content) == ("uv.lock", "sub/uv.lock", b"sub")
    found = find_recipe({}, ".", {"requirements.txt": b"r"}.get)
    assert found is not None
    assert (found.kind, found.path) == ("requirements.txt", "requirements.txt")
    assert find_recipe({}, ".", nothing) is None
    assert find_recipe({"packages": "x", "python": "y", "sources": 1}, ".", nothing) is None


def test_own_packages(tmp_path: Path) -> None:
    """Editable packages of the user's working tree are imported from the folder instead; others are left alone."""
    (tmp_path / "lib" / "src").mkdir(parents=True)
    place = str(tmp_path)
    urls = ("file:///w/repo", "file:///w/repo/lib", "file:///w/repository", "file:///w/repo/../x", "https://h/w/repo")
    sources = {str(n): {"url": url, "editable": True} for n, url in enumerate(urls)}
    sources["not"] = {"url": "file:///w/repo/lib", "editable": False}
    folders = find_own_folders({"sources": sources}, ["/w/repo"])
    assert folders == [".", "lib"]
    assert find_own_packages(folders, place) == [place, str(tmp_path / "lib" / "src")]
    assert find_own_folders({"sources": 7}, ["/w/repo"]) == []


@pytest.mark.usefixtures("offline", "tool")
def test_the_python_that_runs_gitxp_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the version that is wanted is our own, one on the PATH that does not work, as a shim of pyenv's, is not asked."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    script(str(tmp_path / "bin" / f"python{VERSION}"), "exit 127")
    place = rebuild(Recipe("packages", VERSION, ()), str(tmp_path / "envs"), str(tmp_path))
    assert os.access(os.path.join(place, "bin", "python"), os.X_OK)


def test_an_environment_is_made_once(offline: Path, tool: str, tmp_path: Path) -> None:
    """With pip or uv, the packages are in it, version by version; the next time it is there; one that was not completed is made anew."""
    wheel(offline, "thing", "1.0", "value = 1\n")
    wheel(offline, "thing", "2.0", "value = 2\n")
    recipe = Recipe("packages", VERSION, ("thing==1.0",))
    envs = str(tmp_path / "envs")
    place = rebuild(recipe, envs, str(tmp_path))
    module = os.path.join(place, "lib", f"python{VERSION}", "site-packages", "thing.py")
    with open(module) as file:
        assert file.read() == "value = 1\n"
    assert calls(tmp_path) == (["venv --quiet", "pip install"] if tool == "uv" else [])
    made = os.stat(place).st_ino
    os.utime(place, (0, 0))
    assert rebuild(recipe, envs, str(tmp_path)) == place
    assert os.stat(place).st_ino == made
    assert os.stat(place).st_mtime > 0  # gc takes away what was not used for long
    os.unlink(os.path.join(place, "gitxp-complete"))
    os.unlink(module)
    assert rebuild(recipe, envs, str(tmp_path)) == place
    assert os.path.exists(module)
    assert len(calls(tmp_path)) == (4 if tool == "uv" else 0)


def test_what_cannot_be_installed_leaves_nothing(offline: Path, tool: str, tmp_path: Path) -> None:
    """Where a package is not to be had, or the Python is not here, that is an error, and no half environment stays."""
    del offline, tool
    envs = str(tmp_path / "envs")
    for recipe in (Recipe("packages", VERSION, ("thing==1.0",)), Recipe("packages", "1.5")):
        with pytest.raises(GitxpError) as caught:
            rebuild(recipe, envs, str(tmp_path))
        assert caught.value.hint
        assert not os.path.exists(os.path.join(envs, recipe.digest))


def test_a_rerun_in_its_environment(offline: Path, tool: str, tmp_path: Path) -> None:
    """Rerun --env runs `python`, however the run named it, with the versions that the run had."""
    wheel(offline, "thing", "1.0", "value = 'the version of then'\n")
    lab: Lab = make(str(tmp_path / "repo"))
    environment = {"packages": {"thing": "1.0", "pip": "1"}, "python": PYTHON}
    Factory(lab.top).make(
        "r",
        host=os.uname().nodename,
        command=["/nowhere/venv/bin/python3", "-c", "import thing, sys; print(thing.value, sys.prefix)"],
        files={".gitxp/environment.json": json.dumps(environment)},
    )
    asked = lab.run("rerun", "r", "--name", "s", "--env")
    assert asked.status == 2
    assert "installed: thing==1.0" in asked.stderr
    done = lab.run("rerun", "r", "--name", "s", "--env", "--trust")
    assert done.status == 0, done.stderr
    text, _, prefix = done.stdout.decode().strip().rpartition(" ")
    assert text == "the version of then"
    assert prefix.startswith(lab.path(".git/gitxp/envs/"))
    shown = lab.run("rerun", "r", "--env", "--dry-run").stderr
    assert f"environment: Python {VERSION}, 1 packages, in a virtual environment" in shown
    recorded = json.loads(lab.git("show", "refs/experiments/s:.gitxp/environment.json"))
    assert recorded["packages"]["thing"] == "1.0"
    assert len(calls(tmp_path)) == (2 if tool == "uv" else 0)


@pytest.mark.parametrize("folder", [".", "sub"])
def test_a_rerun_by_uv_lock(offline: Path, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run without a list of packages, uv.lock of the snapshot says what to install, and the project itself stays out."""
    monkeypatch.setenv("UV_PYTHON", sys.executable)  # such a run does not say which: uv looks for one by itself
    for version in ("1.0", "2.0"):
        wheel(offline, "thing", version, f"value = {version}\n")
    lab = make(str(tmp_path / "repo"))
    project = f"[project]\nname = 'p'\nversion = '0'\nrequires-python = '>={VERSION}'\ndependencies = ['thing'%s]\n"
    lab.write(f"{folder}/pyproject.toml", project % ", 'thing<2'")
    subprocess.run(["uv", "lock", "--quiet", "--project", lab.path(folder)], check=True)
    lab.commit()
    files = {f"{folder}/{name}": lab.read(f"{folder}/{name}").decode() for name in ("pyproject.toml", "uv.lock")}
    Factory(lab.top).make(
        "r",
        cwd=folder,
        command=["python", "-c", "import thing; print(thing.value)"],
        files={os.path.normpath(path): text for path, text in files.items()},
    )
    done = lab.run("rerun", "r", "--name", "s", "--env", "--trust")
    assert done.status == 0, done.stderr
    assert done.stdout == b"1.0\n"
    assert "uv.lock" in lab.run("rerun", "r", "--env", "--dry-run").stderr
    assert [path for path in lab.tree(lab.say("rev-parse", "experiments/s")) if "gitxp-" in path] == []


def test_uv_lock_without_uv(offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only uv reads uv.lock: where it is not there, that is said, and no environment is made."""
    del offline
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitxpError, match="which only uv reads") as caught:
        rebuild(Recipe("uv.lock", VERSION, path="uv.lock", content=b""), str(tmp_path / "envs"), str(tmp_path))
    assert caught.value.hint
    assert [name for name in os.listdir(tmp_path / "envs") if not name.endswith(".lock")] == []


def test_nothing_that_tells(tmp_path: Path) -> None:
    """A run without packages and lock files cannot be given its environment again: that is said."""
    lab = make(str(tmp_path / "repo"))
    Factory(lab.top).make("r", host=os.uname().nodename, command=["true"])
    done = lab.run("rerun", "r", "--env")
    assert (done.status, "neither a list of packages nor a lock file" in done.stderr) == (2, True)
