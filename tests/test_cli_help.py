from __future__ import annotations

import re
import shlex

import click
import pytest

from gitxp.cli import app
from gitxp.cli.app import cli
from screen import ask


def help_of(*command: str) -> str:
    """What `--help` says, on a terminal of 80 columns."""
    return ask(*command, "--help", width=80).out.decode()


def examples(text: str) -> list[str]:
    """The commands of gitxp in the examples of a help text, also those in a pipe or within another command."""
    found = []
    for line in text.partition("Examples:\n")[2].partition("\n\n")[0].splitlines():
        found += re.findall(r"""gitxp (?:"[^"]*"|'[^']*'|[^|;&)>'"\n])+""", line)
    return found


def words_of(example: str) -> list[str]:
    """The arguments of an example: without what is said of it behind several spaces."""
    bare = re.split(r" {3,}", example)[0]
    return shlex.split(bare.strip().rstrip('"' if bare.count('"') % 2 else ""))[1:]


def test_every_command_is_in_one_group() -> None:
    """`gitxp --help` shows each command, once, under what it is for."""
    grouped = [name for names in app.GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(app.COMMANDS) - set(grouped) == set(), "say in GROUPS of cli/app.py what it is for"
    text = help_of()
    for title, names in app.GROUPS.items():
        section = text.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        there = [name for name in names if name in app.COMMANDS]
        assert re.findall(r"^  ([\w-]+)", section, re.MULTILINE) == there


def test_each_command_has_one_line() -> None:
    """In 80 columns each command is one line of `gitxp --help`, and the examples come first."""
    text = help_of()
    lines = text.partition("\nRun:\n")[2].splitlines()
    assert len([line for line in lines if re.match(r"  [\w-]+ +\S", line)]) == len(app.COMMANDS)
    assert not [line for line in lines if line.startswith("     ")]
    assert max(map(len, text.splitlines())) <= 80
    assert 3 <= len(examples(text)) <= 5
    assert text.index("Examples:") < text.index("A run is any command")


@pytest.mark.parametrize("name", list(app.COMMANDS))
def test_help_teaches_by_examples_that_work(name: str) -> None:
    """Each command shows two examples at least, on lines that fit, of itself, with options and arguments that it has."""
    text = help_of(name)
    assert max(map(len, text.splitlines())) <= 80
    found = examples(text)
    assert len(found) >= 2, "show two examples at least"
    assert any(words_of(example)[0] == name for example in found)
    for example in found:
        words = words_of(example)
        with click.Context(cli, info_name="gitxp") as context:
            command = cli.get_command(context, words[0])
            assert command is not None, example
            command.make_context(words[0], words[1:], context)


def test_examples_that_do_not_work_are_seen() -> None:
    """The test above fails for an option that there is not, and reads pipes, quotes and substitutions."""
    text = 'Examples:\n  cd "$(gitxp restore @ --to x)"\n  gitxp list \'a > "b"\' --csv > x.csv\n  gitxp show @ | gitxp logs -x @\n\n'
    assert [words_of(one) for one in examples(text)] == [
        ["restore", "@", "--to", "x"],
        ["list", 'a > "b"', "--csv"],
        ["show", "@"],
        ["logs", "-x", "@"],
    ]
    command = cli.get_command(click.Context(cli), "logs")
    assert command is not None
    with pytest.raises(click.NoSuchOption):
        command.make_context("logs", ["-x", "@"])
