from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from gitxp.cli import app
from gitxp.cli.app import cli
from gitxp.cli.completed import FILES, FINDERS
from gitxp.cli.completing import complete
from gitxp.cli.shell_words import quote_rest, split_line
from gitxp.format import metric_path
from screen import ask

if TYPE_CHECKING:
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

HOSTILE = (
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED;",
    "a b",
    "q'uote",
    'dq"uote',
    "back\\slash",
    "*",
    "~",
    "#x",
    "!!",
    "{a,b}",
    "größe",
    "&& touch PWNED",
    "-rf",
)
UNSAFE = ("new\nline", "esc\x1b[31m", "bidi\u202e", "tab\t", "cr\r", "zero\u200bwidth")


def offered(line: str) -> list[str]:
    """What may stand in place of the last word of a line (no quotes in it)."""
    words = line.split(" ")
    return [item.value for item in complete(cli, words[:-1], words[-1]).items]


def in_question(text: str) -> list[str]:
    """How a question may go on."""
    return [item.value for item in complete(cli, ["gitxp", "list"], text).items]


@pytest.fixture
def runs(factory: Factory) -> Factory:
    """Three runs, the newest first: calm-otter, calm-fox, bold-elk."""
    factory.make("bold-elk", params={"opt": "adam", "lr": 0.1}, metrics={"loss": {"last": 0.5}}, group="sweep one")
    factory.make("calm-fox", params={"opt": "sgd", "lr": 0.2}, metrics={"loss": {"last": 0.4}}, status="failed")
    factory.make(
        "calm-otter",
        params={"opt": "sgd", "train/lr": 1, "my key": 2, "depth": 3},
        metrics={"acc": {"last": 0.9}, "depth": {"last": 3}},
        files={"train.py": "1", "src/a.py": "2", "src/b c.py": "3", ".gitxp/artifacts/out/model.pkl": "4"},
        group="final",
    )
    return factory


def test_commands_and_options(repo: str) -> None:
    """Commands and options that begin as was typed are offered, with what they are for; nothing for what is no command."""
    del repo
    assert offered("gitxp sh") == ["show"]
    assert {"list", "run", "completion"} <= set(offered("gitxp "))
    assert "--columns" in offered("gitxp list --col")
    assert offered("gitxp list --color ") == ["auto", "always", "never"]
    assert offered("gitxp list --color=al") == ["--color=always"]
    assert offered("gitxp nothing x") == []
    (item,) = complete(cli, ["gitxp"], "show").items
    assert item.help == "All about one run."


def test_runs_are_offered_newest_first(runs: Factory) -> None:
    """RUN is completed with names, the newest first, and with @ and what goes with it where that was begun."""
    del runs
    assert offered("gitxp show ") == ["calm-otter", "calm-fox", "bold-elk"]
    assert offered("gitxp show calm") == ["calm-otter", "calm-fox"]
    assert offered("gitxp diff calm-otter c") == ["calm-fox"]
    assert offered("gitxp show @") == ["@", "@~1", "@~2"]
    assert offered("gitxp show experiments/b") == ["experiments/bold-elk"]
    about = {item.value: item.help or "" for item in complete(cli, ["gitxp", "show"], "").items}
    assert about["calm-fox"].startswith("failed ")
    assert about["calm-fox"].endswith("ago · python train.py")


def test_questions(runs: Factory) -> None:
    """A question goes on with keys, comparisons that make sense of a key, values that runs have, and `and`."""
    del runs
    assert in_question("metrics.lo") == [f"metrics.loss {c} " for c in ("<", "<=", ">", ">=", "==", "!=")]
    assert "lr" in in_question("l")
    assert "loss" in in_question("l")
    assert in_question("loss < 0.5 a") == ["loss < 0.5 and "]
    assert "loss < 0.5 and train/lr == " in in_question("loss < 0.5 and train/l")
    assert in_question("opt == ") == ['opt == "sgd"', 'opt == "adam"']
    assert in_question('opt == "a') == ['opt == "adam"']
    assert in_question('status == "fa') == ['status == "failed"']
    assert in_question("group == ") == ['group == "final"', 'group == "sweep one"']
    assert 'params["my key"] == ' in in_question("params[")
    assert in_question("has(params.op") == ["has(params.opt)"]
    # what is a parameter and a metric is offered in full
    assert {"metrics.depth", "params.depth"} <= set(in_question(""))
    assert "depth" not in in_question("")
    # a question in several words
    assert offered("gitxp list loss < 0.5 and opt == ")[0] == '"sgd"'


def test_each_question_that_is_offered_is_understood(runs: Factory) -> None:
    """A key and comparison that are offered, with a value, are an expression that `gitxp list` takes."""
    del runs
    keys = [one for one in in_question("") if not one.endswith((".", "(", "not "))]
    assert len(keys) > 20
    for key in keys:
        answer = ask("list", f"has({key})", "--json")
        assert answer.status == 0, (key, answer.err)


def test_keys_columns_and_lists(runs: Factory) -> None:
    """`--sort`, `--columns`, `--metric` and `--series` go on behind a comma and a sign, without what is there already."""
    del runs
    assert "loss" in offered("gitxp list --sort lo")
    assert offered("gitxp list --sort=-lo") == ["--sort=-loss"]
    assert "-loss,lr" in offered("gitxp list --sort -loss,l")
    assert "acc,loss" in offered("gitxp list --columns acc,l")
    assert offered("gitxp tree --metric -ac") == ["-acc"]
    assert offered("gitxp export --series acc,l") == ["acc,loss"]


def test_which_way_is_better_after_a_whole_key(runs: Factory) -> None:
    """Where a key may say which way is better, `:max` and `:min` come behind it; not behind a sign, nor for what is no number."""
    del runs
    ways = ["loss:max", "loss:min"]
    asking = ("list --best", "list --group-by opt --metric", "list --pareto acc,", "compare --better", "why --metric")
    for words in (*asking, "why a b --better", "tree --metric", "gc --keep-best"):
        begun = "" if words.endswith(",") else " "
        head = "acc," if words.endswith(",") else ""
        assert offered(f"gitxp {words}{begun}loss:") == [head + way for way in ways]
        assert set(offered(f"gitxp {words}{begun}loss")) >= {head + word for word in ("loss", *ways)}
        assert not {head + way for way in ways} & set(offered(f"gitxp {words}{begun}lo"))
    assert offered("gitxp list --best metrics.loss:mi") == ["metrics.loss:min"]
    assert offered("gitxp list --best duration:") == ["duration:max", "duration:min"]
    for words in ("list --best name:", "list --best -loss:", "list --sort loss:", "plot acc --against loss:"):
        assert offered(f"gitxp {words}") == []
    for words in (
        ("list", "--best"),
        ("list", "--pareto"),
        ("tree", "--metric"),
        ("list", "--group-by", "opt", "--metric"),
    ):
        assert ask(*words, "loss:max").status == 0


def test_tags_groups_remotes_and_paths(runs: Factory) -> None:
    """Tags with + and -, groups, remotes, and paths of the run that was named before are offered."""
    ask("tag", "calm-fox", "+good", "+paper")
    subprocess.run(["git", "remote", "add", "backup", "/nowhere"], check=True)
    assert offered("gitxp tag calm-fox +") == ["+good", "+paper"]
    assert offered("gitxp tag calm-fox -g") == ["-good"]
    assert offered("gitxp run --tag g") == ["good"]
    assert offered("gitxp group @ f") == ["final"]
    assert offered("gitxp push b") == ["backup", "bold-elk"]
    assert offered("gitxp rm --remote ") == ["backup"]
    assert offered("gitxp cat calm-otter ") == [".gitxp/", "src/", "train.py"]
    assert [item.value for item in complete(cli, ["gitxp", "cat", "@"], "src/").items] == ["src/a.py", "src/b c.py"]
    assert offered("gitxp artifacts @ --get o") == ["out/model.pkl"]
    assert offered("gitxp goal se") == ["set"]
    (Path(runs.path) / "src").mkdir()
    os.chdir(Path(runs.path) / "src")
    assert offered("gitxp cat calm-otter a") == ["a.py"]


def test_the_users_own_command_is_left_to_the_shell(repo: str) -> None:
    """`gitxp run` hands the completion on where the user's command begins, and files are the shell's everywhere."""
    del repo
    assert complete(cli, ["gitxp", "run", "--name", "a", "python"], "tr").command == 4
    assert complete(cli, ["gitxp", "run", "--", "python"], "tr").command == 3
    assert complete(cli, ["gitxp", "run"], "py").command == 2
    assert complete(cli, ["gitxp", "run", "--data"], "x").files
    assert complete(cli, ["gitxp", "export", "-o"], "x").files
    assert "--name" in offered("gitxp run --na")


def test_where_there_is_nothing_to_offer_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a repository, runs are none, and commands are there all the same."""
    monkeypatch.chdir(tmp_path)
    for line in ("gitxp show ", "gitxp list lo", "gitxp list --sort x", "gitxp cat @ ", "gitxp push ", "gitxp tag @ +"):
        answer = ask("completion", "bash", line, line.rpartition(" ")[2])
        assert (answer.status, answer.out.strip(), answer.err) == (0, b"words", ""), line
    assert offered("gitxp sho") == ["show"]


def test_another_folder_is_looked_into(runs: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gitxp -C DIR` completes with the runs of that repository."""
    monkeypatch.chdir(tmp_path)
    assert offered(f"gitxp -C {runs.path} show bo") == ["bold-elk"]


def test_an_index_is_never_built_for_long(factory: Factory) -> None:
    """Names come from the refs where the index would have to read more than a few runs, and then it is not made."""
    factory.make_many(300)
    index = Path(factory.path) / ".git" / "gitxp" / "index.sqlite"
    assert len(offered("gitxp show run-00")) == 99
    assert not index.exists()
    ask("list")
    factory.make("newest")
    assert offered("gitxp show ")[:2] == ["newest", "run-0300"]
    assert offered("gitxp show @")[0] == "@"


def test_each_metric_that_is_offered_can_be_exported(factory: Factory) -> None:
    """A metric whose name is no single word of a list is offered as a key, and means that metric."""
    names = ("loss", "a,b", "a[", '"x', "x'", "metrics.y", "train/loss", "=m")
    last = {"last": 1, "min": 1, "max": 1, "count": 1, "step": 0}
    files = {metric_path(name): "0\t1.0\t1.0\n" for name in names}
    factory.make("a-run", metrics=dict.fromkeys(names, last), files=files)
    items = [item.value for item in complete(cli, ["gitxp", "export", "--series"], "").items]
    assert len(items) == len(names)
    assert 'metrics["a,b"]' in items
    answer = ask("export", "--format", "json", "--series", ",".join(items))
    assert {row["metric"] for row in json.loads(answer.out)} == set(names)


def test_where_no_runs_are_nothing_is_made_and_nothing_offered(factory: Factory) -> None:
    """A key makes no index in a repository without runs, and offers none that were removed."""
    folder = Path(factory.path) / ".git" / "gitxp"
    assert offered("gitxp show ") == []
    assert not folder.exists()
    factory.make("a-run")
    ask("list")
    subprocess.run(["git", "update-ref", "-d", "refs/experiments/a-run"], check=True)
    assert offered("gitxp show ") == []


@pytest.mark.parametrize("damage", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_index_is_no_error(factory: Factory, damage: bytes) -> None:
    """Names are offered, and nothing is said, whatever lies where the index should be."""
    factory.make_many(300)
    index = Path(factory.path) / ".git" / "gitxp" / "index.sqlite"
    index.parent.mkdir(exist_ok=True)
    index.write_bytes(damage)
    answer = ask("completion", "bash", "gitxp show run-001", "run-001")
    assert answer.err == ""
    assert len(answer.out.splitlines()) == 11
    assert index.read_bytes() == damage
    assert ask("completion", "bash", "gitxp list 'lo", "lo").err == ""


def test_a_run_that_has_not_ended_is_left_alone(factory: Factory) -> None:
    """No run is recovered by a key: that writes commits."""
    factory.make("gone", status="running")
    live = Path(factory.path) / ".git" / "gitxp" / "live" / "gone"
    live.mkdir(parents=True)
    assert offered("gitxp show g") == ["gone"]
    assert live.is_dir()


@pytest.mark.parametrize("text", HOSTILE)
def test_bash_reads_what_was_offered_and_no_more(factory: Factory, text: str) -> None:
    """A word that completion puts on the line is, for bash, exactly that text, in each kind of quotes."""
    factory.make("a-run", group=text)
    for opened, closed in (("", ""), ("'", "'"), ('"', '"')):
        head = f"gitxp run --group {opened}"
        lines = ask("completion", "bash", head, "").out.decode().splitlines()[1:]
        if opened == '"' and "!" in text:
            assert lines == []
            continue
        (line,) = lines
        done = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {opened}{line}{closed}"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{text}\n"
    assert not (Path(factory.path) / "PWNED").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("text", UNSAFE)
def test_what_no_terminal_may_see_is_not_offered(factory: Factory, text: str, shell: str) -> None:
    """Names with control, bidi or invisible characters are left out, and descriptions have them escaped."""
    command = ["python", text]
    factory.make("a-run", group=text, params={f"{text}x": 1, "sound": 2}, files={f"{text}.py": "1"}, command=command)
    asked = {
        "--group": ("gitxp", "run", "--group"),
        "cat": ("gitxp", "cat", "@"),
        "list": ("gitxp", "list"),
        "show": ("gitxp", "show"),
    }
    for words in asked.values():
        args = (f"{' '.join(words)} ", "") if shell == "bash" else ("", *words)
        out = ask("completion", shell, *args).out.decode()
        assert not set(out) & set("\x1b\u202e\u200b\r")
        assert all(line.count("\t") <= 2 for line in out.splitlines())
        assert "line.py" not in out


def test_a_word_that_the_shell_expands_has_no_completion(runs: Factory) -> None:
    """Nothing is offered behind `$x` or a backquote: what the shell makes of it is not known."""
    del runs
    for line in ("gitxp show $na", 'gitxp show "$na', "gitxp show `c", "gitxp show calm\\"):
        assert ask("completion", "bash", line, "").out == b""


@pytest.mark.parametrize(
    ("line", "text", "quote"),
    [
        ("gitxp show ", "", ""),
        ("gitxp show a\\ b", "a b", ""),
        ("gitxp list 'metrics.loss < 0.5 and \"x", 'metrics.loss < 0.5 and "x', "'"),
        ('gitxp list "it\'s \\"x', "it's \"x", '"'),
        ("gitxp list 'a'b\"c d\"e", "abc de", ""),
        ("gitxp --sort='lo", "--sort=lo", "'"),
    ],
)
def test_a_line_is_read_as_the_shell_reads_it(line: str, text: str, quote: str) -> None:
    """The last word, without its quotes, and the quote that is still open."""
    word = split_line(line)[-1]
    assert (word.text, word.quote) == (text, quote)
    assert shlex.split(line + quote + ("''" if not text else ""))[-1] == text


def test_what_follows_is_quoted_as_the_word_began() -> None:
    """Within single quotes a quote is written by leaving them, and at the beginning of a word ~ and # lose their meaning."""
    assert quote_rest("it's", split_line("x 'a")[-1]) == "it'\\''s"
    assert quote_rest("~", split_line("x ")[-1]) == "\\~"
    assert quote_rest("~1", split_line("x @")[-1]) == "~1"
    assert quote_rest("!", split_line('x "')[-1]) is None


# Values that only the user knows.
FREE = frozenset(
    {
        "AGE",
        "COMMAND …",
        "DAY",
        "DAYS",
        "GLOB",
        "K=V",
        "N",
        "NAME",
        "REL",
        "TEXT",
        "TIME",
        "WEIGHT",
        "[--] COMMAND…",
        "[TEXT]",
    }
)


def test_each_value_is_known_by_its_name() -> None:
    """Every option and argument is called by something that completion knows: a finder, files, or only the user knows."""
    known = {*FINDERS, *FILES, *FREE}
    context = click.Context(cli)
    for name in app.COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        for param in command.params:
            is_told = isinstance(param.type, click.Choice) or getattr(param, "is_flag", False)
            is_told = is_told or param.metavar in known or name == "completion"
            assert is_told, (
                f"gitxp {name}: say in cli/completed.py what {param.metavar} ({param.name}) can be, or here that nobody knows"
            )


def test_the_shells_that_there_are(repo: str) -> None:
    """Each of the three has a script; another shell is an error that names them."""
    del repo
    for shell in ("bash", "zsh", "fish"):
        assert b"gitxp completion " + shell.encode() in ask("completion", shell).out
    answer = ask("completion", "tcsh")
    assert (answer.status, "bash, zsh or fish" in answer.err) == (2, True)
    assert ask("completion").status == 2


def test_the_words_of_a_shell_are_no_options(runs: Factory) -> None:
    """What was typed is never taken for an option of `gitxp completion` itself."""
    del runs
    assert ask("completion", "zsh", "--hel", "gitxp", "show").out.decode().split()[:3] == ["words", "whole", "--help"]


def test_completion_needs_no_new_import_of_a_run(repo: str) -> None:
    """`gitxp run` imports nothing of completion."""
    code = (
        "import sys; from gitxp.cli import main; status = main(['run', 'true']); "
        "print(*[name for name in sys.modules if 'complet' in name or 'glance' in name or name == 'click'])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=repo, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
