from __future__ import annotations

import os
from typing import Any

import pytest

from gitxp.errors import GitFailed
from gitxp.model import Comparison, FileChange
from gitxp.query.compare import flatten
from gitxp.repo import Repo
from run_factory import Factory, encode

pytest_plugins = ("run_fixtures",)


def compare(here: Repo, *paths: str) -> Comparison:
    """Run `a` against run `b`."""
    return here.diff(here.get("a"), here.get("b"), paths)


def summary(last: Any) -> dict[str, Any]:
    """The summary of a metric with one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


def test_equal_runs_do_not_differ(factory: Factory, here: Repo) -> None:
    """Two runs of the same code with the same numbers differ in nothing, though their records do."""
    for name in "ab":
        factory.make(
            name,
            params={"x": [1, 2.5], "n": "nan"},
            metrics={"m": summary("nan"), "k": summary(1)},
            data=[{"path": "d", "kind": "file", "size": 1, "xxh3_128": "00"}],
            files={".gitxp/environment.json": encode({"p": {"q": 1}}), ".gitxp/output.log": name},
        )
    found = compare(here)
    assert (found.a.name, found.b.name) == ("a", "b")
    assert (found.code, found.params, found.metrics, found.data, found.environment) == ((), {}, {}, {}, {})


def test_params_and_metrics(factory: Factory, here: Repo) -> None:
    """Only what differs, as pairs, None where one has none; metrics by their last values."""
    factory.make("a", params={"lr": 0.1, "same": 1, "only_a": "x"}, metrics={"m": summary(0.5), "s": summary(1.0)})
    factory.make("b", params={"lr": 0.2, "same": 1.0, "only_b": [1]}, metrics={"m": summary("inf"), "s": summary(1)})
    found = compare(here)
    assert found.params == {"lr": (0.1, 0.2), "only_a": ("x", None), "only_b": (None, [1])}
    assert found.metrics == {"m": (0.5, float("inf"))}


@pytest.mark.parametrize(
    ("one", "two"), [(1, True), (0, False), ("1", 1), ([1], [True]), ([1], [1, 1]), ("nan", "NaN"), (None, "x")]
)
def test_values_that_look_alike_differ(factory: Factory, here: Repo, one: Any, two: Any) -> None:
    """True is not 1, text is no number, lists are compared item by item."""
    factory.make("a", params={"x": one})
    factory.make("b", params={"x": two})
    assert compare(here).params == {"x": (one, two)}


def test_data_by_path(factory: Factory, here: Repo) -> None:
    """Data differ by path, content, size and kind."""
    same = {"path": "same", "kind": "file", "size": 3, "xxh3_128": "0a"}
    factory.make(
        "a", data=[same, {"path": "x", "kind": "file", "size": 3, "xxh3_128": "0b"}, {"path": "y", "kind": "missing"}]
    )
    factory.make("b", data=[{"path": "x", "kind": "file", "size": 3, "xxh3_128": "0c"}, same])
    assert compare(here).data == {
        "x": ({"kind": "file", "size": 3, "xxh3_128": "0b"}, {"kind": "file", "size": 3, "xxh3_128": "0c"}),
        "y": ({"kind": "missing"}, None),
    }


def test_environment_by_dotted_names(factory: Factory, here: Repo) -> None:
    """Nested objects are dotted names, packages among them; a run without an environment has None."""
    environment = {"python": {"version": "3.11"}, "packages": {"ruamel.yaml": "1", "numpy": "2"}, "gpus": ["x"]}
    factory.make("a", files={".gitxp/environment.json": encode(environment)})
    environment = {"python": {"version": "3.12"}, "packages": {"ruamel.yaml": "1", "scipy": "3"}, "gpus": ["x"]}
    factory.make("b", files={".gitxp/environment.json": encode(environment)})
    factory.make("c")
    assert compare(here).environment == {
        "packages.numpy": ("2", None),
        "packages.scipy": (None, "3"),
        "python.version": ("3.11", "3.12"),
    }
    assert here.diff(here.get("c"), here.get("b")).environment["gpus"] == (None, ["x"])


def test_flatten_keeps_empty_objects_out() -> None:
    """An object without keys has no names."""
    assert dict(flatten({"a": {"b": {"c": 1}, "d": {}}, "e": []})) == {"a.b.c": 1, "e": []}


CODE_A = {
    "changed.py": "a\nb\nc\n",
    "gone.py": "x\n",
    "moved.py": "".join(f"line {n}\n" for n in range(50)),
    "binary.bin": b"\0\1\2",
    'odd\n"\tname\udcff': "1\n",
    "sub/inside.py": "1\n",
    "mode.sh": "x\n",
}
CODE_B = {
    "changed.py": "a\nB\nc\nd\n",
    "new.py": "1\n2\n",
    "elsewhere/moved.py": "".join(f"line {n}\n" for n in range(50)) + "one more\n",
    "binary.bin": b"\0\1\3",
    'odd\n"\tname\udcff': "2\n",
    "sub/inside.py": "2\n",
    "mode.sh": "x\n",
    ".gitxp/output.log": "differs, and is no code",
    "sub/.gitxp/user.txt": "a folder of the user's own",
}


def test_code(factory: Factory, here: Repo) -> None:
    """Files are those of git's own diff of the two commits, with lines, renames, any names, and without `.gitxp` at the top."""
    factory.make("a", files=CODE_A)
    factory.make("b", files=CODE_B)
    assert compare(here).code == (
        FileChange("binary.bin", "M", None, None),
        FileChange("changed.py", "M", 2, 1),
        FileChange("elsewhere/moved.py", "R", 1, 0, "moved.py"),
        FileChange("gone.py", "D", 0, 1),
        FileChange("new.py", "A", 2, 0),
        FileChange('odd\n"\tname\udcff', "M", 1, 1),
        FileChange("sub/.gitxp/user.txt", "A", 1, 0),
        FileChange("sub/inside.py", "M", 1, 1),
    )


def test_code_of_a_file_that_became_a_link(factory: Factory, here: Repo, git: Any) -> None:
    """A change of type is a T, and a change of mode alone an M, here both without lines."""
    for name in "ab":
        factory.make(name, files={"f": "target", "m": "x"})
    git("checkout", "-q", "experiments/b")
    os.unlink("f")
    os.symlink("target", "f")
    git("update-index", "--chmod=+x", "m")
    git("add", "f")
    git("commit", "-qm", "link")
    git("update-ref", "refs/experiments/b", "HEAD")
    assert compare(here).code == (FileChange("f", "T", 0, 0), FileChange("m", "M", 0, 0))


def test_paths_limit_the_code(factory: Factory, here: Repo, repo: str) -> None:
    """Paths are git's pathspecs, seen from the folder that one stands in; they do not limit the rest."""
    factory.make("a", files=CODE_A, params={"x": 1})
    factory.make("b", files=CODE_B, params={"x": 2})
    found = compare(here, "sub")
    assert [change.path for change in found.code] == ["sub/.gitxp/user.txt", "sub/inside.py"]
    assert found.params == {"x": (1, 2)}
    assert [change.path for change in compare(here, "*.py", ":!sub").code] == [
        "changed.py",
        "elsewhere/moved.py",
        "gone.py",
        "new.py",
    ]
    os.mkdir(f"{repo}/sub")
    with Repo(f"{repo}/sub") as below:
        assert [change.path for change in compare(below, "inside.py").code] == ["sub/inside.py"]
        assert len(compare(below).code) == len(compare(here).code)


def test_paths_that_git_refuses(factory: Factory, here: Repo) -> None:
    """A path outside of the repository is git's own error."""
    factory.make("a")
    factory.make("b")
    with pytest.raises(GitFailed, match="outside repository"):
        compare(here, "/nowhere")


def test_no_command_of_the_configuration_is_run(factory: Factory, here: Repo, repo: str, git: Any) -> None:
    """Neither external diffs nor textconv nor the user's taste in renames have a say."""
    factory.make("a", files={"f.py": "a\n"})
    factory.make("b", files={"f.py": "b\n"})
    git("config", "diff.external", f"touch {repo}/ran; false")
    git("config", "diff.x.textconv", f"touch {repo}/ran; cat")
    git("config", "diff.x.command", f"touch {repo}/ran; false")
    with open(f"{repo}/.git/info/attributes", "w", encoding="ascii") as file:
        file.write("*.py diff=x\n")
    assert compare(here).code == (FileChange("f.py", "M", 1, 1),)
    a, b = here.get("a"), here.get("b")
    assert "-a\n+b" in git(*here.git_diff_args(a, b))
    assert not os.path.exists(f"{repo}/ran")


def test_git_diff_args_are_gits_own_diff(factory: Factory, here: Repo, git: Any) -> None:
    """What is shown is a patch that git applies, of the files alone, with the options that were asked for."""
    factory.make("a", files=CODE_A)
    factory.make("b", files=CODE_B)
    a, b = here.get("a"), here.get("b")
    shown = git.raw(*here.git_diff_args(a, b, ["changed.py"]))
    assert shown == git.raw("diff", a.commit, b.commit, "--", "changed.py")
    listed = git(*here.git_diff_args(a, b, (), ["--name-only"]))
    assert "output.log" not in listed
    assert "sub/.gitxp/user.txt" in listed


def test_of_an_unreadable_run_the_rest_is_compared(factory: Factory, here: Repo) -> None:
    """A run whose record cannot be read is said to be that, and not taken for one without parameters."""
    factory.make("a", params={"x": 1}, files={"train.py": "one\n"})
    factory.make("b", raw=b'{"format": 9}', files={"train.py": "two\n"})
    found = compare(here)
    (unread,) = found.unread
    assert (unread.run, unread.part) == ("b", "record")
    assert "format 9" in unread.reason
    assert not found.params
    assert [change.path for change in found.code] == ["train.py"]
