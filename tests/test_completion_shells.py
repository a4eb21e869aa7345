"""Completion as people have it: an interactive bash, zsh or fish in a terminal, and the Tab key."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

SHELLS = ("bash", "zsh", "fish")
COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
# `gitxp` is a function then that shows what it is given: completion asks the command.
STARTS = {
    "bash": r"""eval "$(gitxp completion bash)"; gitxp() { printf 'got<%s>\n' "${@: -1}"; }; PS1='> '; echo rea''dy""",
    "zsh": (
        r"""autoload -Uz compinit; compinit -u -D; eval "$(gitxp completion zsh)"; """
        r"""gitxp() { printf 'got<%s>\n' "${@: -1}"; }; PS1='> '; echo rea''dy"""
    ),
    "fish": (
        r"""gitxp completion fish | source; set fish_autosuggestion_enabled 0; """
        r"""function fish_prompt; printf '> '; end; function gitxp; printf 'got<%s>\n' $argv[-1]; end; echo rea''dy"""
    ),
}


class Shell:
    """An interactive shell with completion for gitxp, in which `gitxp` shows its last argument."""

    def __init__(self, name: str, terminal: Terminal) -> None:
        self.name, self._terminal = name, terminal
        terminal.type(STARTS[name].encode() + b"\r")
        terminal.expect(rb"ready[\r\n]")

    def complete(self, keys: str, *, end: str = "") -> str:
        """The last argument that the command gets after these keys, a Tab, some more keys, and Return."""
        self._terminal.seen = b""
        self._terminal.type(f"{keys}\t{end}\r".encode())
        got = self._terminal.expect(rb"got<([^>\r\n]*)>[\r\n]")[1].decode()
        self._terminal.expect(rb"(?s)got<[^>\r\n]*>[\r\n].*> ")
        return got

    def offers(self, keys: str, *shown: str) -> None:
        """Hold that Tabs show these words; then the line is given up."""
        self._terminal.seen = b""
        self._terminal.type(f"{keys}\t\t".encode())
        for word in shown:
            self._terminal.expect(re.escape(word).encode())
        self._terminal.type(b"\x15")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, factory: Factory, tmp_path: Path, seal: Path) -> Iterator[Shell]:
    """Each shell that is installed, in the test's repository."""
    name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    tools = tmp_path / "tools"
    tools.mkdir()
    command = tools / "gitxp"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m gitxp "$@"\n')
    command.chmod(0o755)
    env = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm", "PS1": "> ", "HISTFILE": "/dev/null"}
    del seal
    with Terminal(cwd=factory.path, env=env, size=(40, 160), command=COMMANDS[name]) as terminal:
        yield Shell(name, terminal)


def test_tab_completes(shell: Shell, factory: Factory) -> None:
    """Commands, runs, questions, orders, paths with spaces and groups are completed, and reach the command as they are."""
    factory.make("bold-elk", params={"opt": "adam"}, metrics={"loss": {"last": 0.5}}, group="my group")
    factory.make("calm-otter", files={"src/a b.py": "1", "train.py": "2"}, params={"opt": "adam"})
    assert shell.complete("gitxp sho") == "show"
    assert shell.complete("gitxp show ca") == "calm-otter"
    assert shell.complete("gitxp list 'metrics.lo", end="< 1'") == "metrics.loss < 1"
    assert shell.complete("gitxp list 'opt == \"ad", end="'" if shell.name == "zsh" else "") == 'opt == "adam"'
    assert shell.complete("gitxp list --sort=-lo") == "--sort=-loss"
    assert shell.complete("gitxp list --best loss:mi") == "loss:min"
    assert shell.complete("gitxp cat calm-otter src/") == "src/a b.py"
    assert shell.complete("gitxp group @ my") == "my group"
    assert shell.complete("gitxp run cat tra") in {"train.py", "tra"}  # the file is not on disk
    shell.offers("gitxp show @", "@~1")
    shell.offers("gitxp show ", "calm-otter", "bold-elk")


def test_the_users_command_is_completed_as_without_gitxp(shell: Shell, factory: Factory) -> None:
    """Behind `gitxp run COMMAND`, files are the shell's."""
    del factory
    assert shell.complete("gitxp run cat trai") == "train.py"


HOSTILE = ("a$(touch PWNED)", "b`touch PWNED`", "c; touch PWNED;", "d' y", 'e" y', "f* [a] ~ #", "g&& touch PWNED")


def test_hostile_names_are_only_text(shell: Shell, factory: Factory) -> None:
    """What comes from a run is not executed, neither by Tab nor by Return, and reaches the command as it is."""
    for number, text in enumerate(HOSTILE):
        command = ["python", text, "%F{red}", "\x1b[31m"]
        factory.make(f"run-{number}", group=text, params={text: 1}, files={f"z{text}": "1"}, command=command)
    for number, text in enumerate(HOSTILE):
        assert shell.complete(f"gitxp group @ {text[0]}") == text
        assert shell.complete(f"gitxp cat run-{number} z") == f"z{text}"
    assert shell.complete("gitxp group @ 'a") == HOSTILE[0]
    assert shell.complete('gitxp group @ "b') == HOSTILE[1]
    shell.offers("gitxp show run-", "run-1")
    shell.offers("gitxp list --sort ", "PWNED")
    assert not (Path(factory.path) / "PWNED").exists()
