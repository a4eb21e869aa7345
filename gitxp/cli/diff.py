"""`gitxp diff`: what differs between two runs."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import warn, warn_unread
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import FormatError, UsageError
from gitxp.render.output import visible_diff

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.model import FileChange, Run
    from gitxp.repo import Repo

_CODE = "code"
_SECTIONS = (_CODE, "params", "metrics", "data", "environment", "outputs")


@click.command("diff", short_help="What differs between two runs.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("paths", metavar="[-- PATH…]", nargs=-1, type=click.UNPROCESSED)
@click.option("--code", "sections", flag_value=_CODE, multiple=True, help="The files: git's own diff, and only that.")
@click.option("--params", "sections", flag_value="params", multiple=True, help="Parameters.")
@click.option("--metrics", "sections", flag_value="metrics", multiple=True, help="Metrics: their last values.")
@click.option(
    "--data", "sections", flag_value="data", multiple=True, help="The data, and the files of folders by name."
)
@click.option("--env", "sections", flag_value="environment", multiple=True, help="Packages, interpreter, machine.")
@click.option("--outputs", "sections", flag_value="outputs", multiple=True, help="The files that the runs wrote.")
@click.option("--stat", is_flag=True, help="The files as 'git diff --stat' sums them up.")
@click.option("--word-diff", is_flag=True, help="The files word by word within their lines, as 'git diff --word-diff'.")
@click.option("--name-only", is_flag=True, help="Only the names of the files that differ.")
@click.option(
    "--notebooks",
    type=click.Choice(["auto", "cells", "raw"]),
    default="auto",
    metavar="HOW",
    help="Notebooks by their 'cells', or 'raw', as git has them; auto: raw where --code alone is a patch for a pipe.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything that differs, exact, as JSON.")
@terminal_options
def diff_command(
    *,
    a: str,
    b: str,
    paths: Sequence[str],
    sections: Sequence[str],
    stat: bool,
    word_diff: bool,
    name_only: bool,
    notebooks: str,
    as_json: bool,
    terminal: Terminal,
) -> int:
    """Show what differs between the runs A and B: code, parameters, metrics, data, environment, outputs, in that order.

    The code is git's own diff of the two snapshots, uncommitted and untracked files included; with --code alone it is a
    patch that 'git apply' takes. PATHs limit it. Notebooks are compared cell by cell, without their outputs, and YAML, JSON
    and TOML files key by key as well. The pager is git's: pager.diff, core.pager, GIT_PAGER.

    \b
    Examples:
      gitxp diff @~1 @
      gitxp diff run-a run-b --metrics --params
      gitxp diff run-a run-b --stat
      gitxp diff run-a run-b --code -- src/ | git apply
    """  # noqa: D301  (click wants the backspace itself)
    if name_only and (sections or stat or as_json):
        raise UsageError("--name-only goes with no other choice of what to show.", hint="gitxp diff --help")
    wanted = [section for section in _SECTIONS if section in sections] or list(_SECTIONS)
    if stat and _CODE not in wanted:
        raise UsageError("--stat is about code, which was not asked for.", hint="Add --code, or leave --stat out.")
    if stat and as_json:
        raise UsageError("--stat goes without --json.", hint="--json has the numbers of lines already.")
    if word_diff and (stat or name_only or as_json or _CODE not in wanted):
        raise UsageError("--word-diff is about the lines of code.", hint="Leave it out, or what goes with no lines.")
    with open_repo() as repo:
        run_a, run_b = repo.get(a), repo.get(b)
        # git would take the pipe to us for 80 columns
        width = f"={terminal.width}" if terminal.is_terminal and terminal.width else ""
        words = [f"--word-diff={'color' if terminal.color else 'plain'}"] if word_diff else []
        options = [f"--stat{width}"] if stat else ["--name-only"] if name_only else words
        if not as_json and (name_only or wanted == [_CODE]):
            is_whole = options == words
            by_cells = is_whole and (notebooks == "cells" or (notebooks == "auto" and terminal.is_terminal))
            found = repo.diff_notebooks(run_a, run_b, paths) if by_cells else ()
            documents = repo.diff_documents(run_a, run_b, paths) if is_whole and terminal.is_terminal else ()
            with terminal.paged("diff"):
                is_shown = _show_code(repo, run_a, run_b, paths, options, terminal, found)
                _show_documents(documents, (run_a, run_b), terminal)
            if not is_shown:
                _tell_unmatched(repo, run_a, run_b, paths)
            return 0
        is_raw = options != words or notebooks == "raw"
        return _compare(repo, run_a, run_b, paths, wanted, options, terminal, as_json=as_json, is_raw=is_raw)


def _compare(
    repo: Repo,
    a: Run,
    b: Run,
    paths: Sequence[str],
    wanted: Collection[str],
    options: Sequence[str],
    terminal: Terminal,
    *,
    as_json: bool,
    is_raw: bool,
) -> int:
    """Show the sections that are wanted and differ; the exit status."""
    from gitxp.render import comparison as rendering

    comparison = repo.diff(a, b, paths)
    for run in (a, b):
        if run.record.get("snapshot") is False and _CODE in wanted:
            warn(f"{run.name} has no snapshot: of its code, only the commit HEAD was at is known.")
    if _CODE in wanted and not comparison.code:
        _tell_unmatched(repo, a, b, paths)
    lacks = warn_unread(one for one in comparison.unread if one.concerns(wanted))
    status = FormatError.exit_code if lacks else 0
    if as_json:
        terminal.print_exact([rendering.render_json(comparison, wanted)])
        return status
    differing = [section for section in wanted if rendering.differs(comparison, section)]
    if not differing:
        terminal.print(rendering.no_difference(comparison, wanted))
        return status
    with terminal.paged("diff"):
        for section in differing:
            if section != differing[0]:
                sys.stdout.write("\n")
            if section != _CODE:
                sys.stdout.write(
                    rendering.render_section(comparison, section, width=terminal.width, style=terminal.style)
                )
                continue
            sys.stdout.write(rendering.heading(section, terminal.style))
            found = [] if is_raw else [change for change in comparison.code if change.notebook is not None]
            _show_code(repo, a, b, paths, options, terminal, found)
            _show_documents(comparison.code, (a, b), terminal)
    return status


def _show_code(
    repo: Repo,
    a: Run,
    b: Run,
    paths: Sequence[str],
    options: Sequence[str],
    terminal: Terminal,
    notebooks: Sequence[FileChange],
) -> bool:
    """Write git's part, and whether there was any: safe for a terminal and a pager; elsewhere exact, to be applied.

    `notebooks` come behind it, by their cells, and are no part of git's.
    """
    if notebooks:
        from gitxp.render.notebooks import render_notebook

        if _write_patch(repo, a, b, [*(paths or [":(top)"]), *_without(notebooks)], options, terminal):
            sys.stdout.write("\n")
        sys.stdout.write("\n".join(render_notebook(change, terminal.style) for change in notebooks))
        return True
    return _write_patch(repo, a, b, paths, options, terminal)


def _show_documents(changes: Sequence[FileChange], runs: tuple[Run, Run], terminal: Terminal) -> None:
    """Write the configuration files by their keys, below the lines."""
    if all(change.document is None for change in changes):
        return
    from gitxp.render.documents import render_documents

    sys.stdout.write("\n" + render_documents(changes, runs, width=terminal.width, style=terminal.style))


def _without(notebooks: Sequence[FileChange]) -> list[str]:
    """Pathspecs that leave these files out."""
    paths = [path for change in notebooks for path in (change.old_path, change.path) if path is not None]
    return [f":(top,exclude,literal){path}" for path in paths]


def _write_patch(repo: Repo, a: Run, b: Run, paths: Sequence[str], options: Sequence[str], terminal: Terminal) -> bool:
    color = terminal.git_color("color.diff")
    chunks = repo.code_diff(a, b, paths, [color, *options])
    first = next(chunks, b"")
    chunks = itertools.chain([first], chunks)
    if terminal.is_terminal:
        own = repo.diff_colors() if color == "--color=always" else ()  # else every sequence is a file's
        chunks = visible_diff(chunks, own)
    terminal.write(chunks)
    return bool(first)


def _tell_unmatched(repo: Repo, a: Run, b: Run, paths: Sequence[str]) -> None:
    """Say so where no file has these paths: that is a slip, and not two equal runs."""
    if paths and not repo.has_files(a, paths) and not repo.has_files(b, paths):
        warn(f"neither run has a file at {' '.join(paths)}.")
