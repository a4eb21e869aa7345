"""The commands, gathered: `gitxp COMMAND …` finds the file of that command and loads only it.

click parses; what it complains about is said by `errors.report` like every other mistake. Its own `main` is not used:
it turns a reader that went away (`gitxp list | head -1`) into exit status 1, and Ctrl-C into a printed word.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from gitxp import __version__
from gitxp.cli.errors import report
from gitxp.cli.terminal import no_pager_option
from gitxp.errors import GitxpError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

# Each lives in the module of its name.
COMMANDS = {
    "run": "run_command",
    "list": "list_command",
    "show": "show_command",
    "logs": "logs_command",
    "diff": "diff_command",
    "compare": "compare_command",
    "why": "why_command",
    "plot": "plot_command",
    "export": "export_command",
    "tree": "tree_command",
    "goal": "goal_command",
    "tag": "tag_command",
    "note": "note_command",
    "title": "title_command",
    "group": "group_command",
    "star": "star_command",
    "archive": "archive_command",
    "rm": "rm_command",
    "trash": "trash_command",
    "undo": "undo_command",
    "gc": "gc_command",
    "du": "du_command",
    "doctor": "doctor_command",
    "push": "push_command",
    "pull": "pull_command",
    "remotes": "remotes_command",
    "restore": "restore_command",
    "branch": "branch_command",
    "cat": "cat_command",
    "artifacts": "artifacts_command",
    "rerun": "rerun_command",
    "reproduce": "reproduce_command",
    "archive-refs": "archive_refs_command",
    "init": "init_command",
    "completion": "completion_command",
}
# What people come to do, in the order of `gitxp --help`.
GROUPS = {
    "Run": ("run", "rerun", "reproduce"),
    "Look": ("list", "show", "logs", "tree", "goal", "plot", "cat", "artifacts"),
    "Compare": ("diff", "compare", "why", "export"),
    "Annotate": ("tag", "note", "title", "group", "star", "archive"),
    "Share": ("push", "pull", "remotes", "archive-refs"),
    "Bring back": ("restore", "branch", "undo", "trash"),
    "Keep": ("rm", "gc", "du", "doctor"),
    "Set up": ("init", "completion"),
}


class _Commands(click.Group):
    """A group that imports a command when it is asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gitxp.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = getattr(module, COMMANDS[cmd_name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = (
                [_OTHER_WORDS[args[0]]] if args[0] in _OTHER_WORDS else difflib.get_close_matches(args[0], COMMANDS, 1)
            )
            hint = f"Did you mean 'gitxp {near[0]}'?" if near else f"The commands are {', '.join(COMMANDS)}."
            raise UsageError(f"There is no command {args[0]!r}.", hint=hint)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands that begin with this, or the options; only these commands are imported."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        items = []
        for name in (name for names in GROUPS.values() for name in names if name.startswith(incomplete)):
            command = self.get_command(ctx, name)
            if command is not None:
                items.append(CompletionItem(name, help=command.get_short_help_str(_LONGEST)))
        return items

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by what they are for, one line each, in columns that are the same for all groups."""
        widest = max(map(len, COMMANDS))
        room = formatter.width - widest - formatter.current_indent - _GAP
        for title, names in GROUPS.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None:
                    rows.append((name.ljust(widest), command.get_short_help_str(room)))
            with formatter.section(title):
                formatter.write_dl(rows)


# What other programs call these commands; `--help` and `--version` are no commands here.
_OTHER_WORDS = {
    "help": "--help",
    "version": "--version",
    "ls": "list",
    "status": "list",
    "remove": "rm",
    "delete": "rm",
    "checkout": "restore",
    "fetch": "pull",
}
_GAP = 4  # columns before and after the name of a command
_LONGEST = 100  # characters of what a command is for


@click.group(
    "gitxp",
    cls=_Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="COMMAND …",
    epilog="'gitxp COMMAND --help' says more about each.",
)
@click.option("-C", "folders", metavar="DIR", multiple=True, help="Go to DIR first, as 'git -C' does.")
@no_pager_option
@click.version_option(__version__, prog_name="gitxp", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, folders: Sequence[str]) -> None:
    """Record experiments into the git repository that you are in.

    \b
    Examples:
      gitxp run python train.py --lr 0.1      record a run
      gitxp list                              the newest runs, side by side
      gitxp show @                            all about the newest one
      gitxp diff @~1 @                        what changed, and what came of it
      gitxp plot loss @~1 @                   how a metric went, in the terminal

    A run is any command. gitxp keeps the exact files that it ran on (uncommitted and untracked ones, too), its
    parameters, metrics, output and environment as ordinary commits under refs/experiments/. Your branch, index and
    files are never touched. 'gitxp push' shares runs; the git remote that you have is the server.

    RUN is a run's name or the unique beginning of one, its id, '@' for the newest, '@~1' for the one before it, or a
    commit.
    """  # noqa: D301  (click wants the backspace itself: it keeps the paragraph's lines as they are)
    for folder in folders:
        try:
            os.chdir(folder)
        except OSError as error:
            raise UsageError(
                f"Cannot go to {folder!r}: {error.strerror}.", hint="-C wants a folder that is there."
            ) from error
    if context.invoked_subcommand is None:
        from gitxp.cli.first_use import tell_beginner
        from gitxp.cli.terminal import Terminal

        if not tell_beginner(Terminal().width):
            click.echo(context.get_help(), err=True)
        context.exit(UsageError.exit_code)


def main(argv: Sequence[str]) -> int:
    """Run `gitxp` with these arguments (without the program's name); the exit status. Nothing but `SystemExit` is raised."""
    try:
        status = _invoke(argv)
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  (report sorts them; it is the only place that does)
        return report(error)
    return status


def _invoke(argv: Sequence[str]) -> int:
    try:
        with cli.make_context("gitxp", list(argv)) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        if isinstance(error, click.NoSuchOption):
            near = _near(error.option_name, error.possibilities or ())
            error = click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx)
        where = error.ctx.command_path if error.ctx else "gitxp"
        message = error.format_message()
        raise UsageError(message if message.endswith((".", "?")) else f"{message}.", hint=f"{where} --help") from error
    except click.ClickException as error:
        raise GitxpError(error.format_message()) from error
    return result if isinstance(result, int) else 0


def _near(option: str, others: Sequence[str]) -> list[str]:
    """Those options that this one may be a slip of: the dashes, which all have, make none like another."""
    by_name = {other.lstrip("-"): other for other in others}
    return [by_name[name] for name in difflib.get_close_matches(option.lstrip("-"), by_name)]
