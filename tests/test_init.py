from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.capture.config import Config, decode_config, load_config
from gitxp.capture.config_example import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from conftest import Git, Gitxp


def test_init_writes_comments_only(
    repo: str, gitxp: Gitxp, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """The file says nothing until somebody takes a # away, and is all that changes; a second time it stays as it is."""
    with untouched(but=("gitxp.yaml",)):
        assert "every key" in gitxp("init", cwd=repo).stderr
    assert load_config(repo) == Config()
    with open(f"{repo}/gitxp.yaml", "a", encoding="utf-8") as file:
        file.write("probe: false\n")
    assert "stays as it is" in gitxp("init", cwd=repo).stderr
    assert not load_config(repo).probe


def test_the_example_is_a_configuration() -> None:
    """Every line of it, taken for what it says, is understood, and every section is in it."""
    import yaml

    document = yaml.safe_load(EXAMPLE)
    assert decode_config(document) != Config()
    keys = {"outputs", "metrics_from", "data", "list", *Config._fields} - {"list_columns"}
    assert set(document) == keys


def test_init_tells_of_refspecs_that_prune(repo: str, git: Git, gitxp: Gitxp, tmp_path: Path) -> None:
    """A configuration with which a fetch would delete runs is told, and not changed."""
    git("init", "--quiet", "--bare", tmp_path / "hub.git")
    git("remote", "add", "origin", tmp_path / "hub.git", cwd=repo)
    git("config", "--add", "remote.origin.fetch", "+refs/experiments/*:refs/experiments/*", cwd=repo)
    before = git("config", "--local", "--list", cwd=repo)
    answer = gitxp("init", cwd=repo, check=False)
    assert answer.returncode == 1
    assert "prunable-refspec" in answer.stdout
    assert git("config", "--local", "--list", cwd=repo) == before


def test_init_wants_a_working_tree(tmp_path: Path, git: Git, gitxp: Gitxp) -> None:
    """A bare repository has no place for the file."""
    git("init", "--quiet", "--bare", tmp_path / "hub.git")
    answer = gitxp("init", cwd=tmp_path / "hub.git", check=False)
    assert answer.returncode == 3
    assert "no working tree" in answer.stderr
