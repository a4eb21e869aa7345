"""`gitxp run` without click: its options, their parser, and what the user is told.

The options are a table, from which run.py makes the click command too: what is parsed here and what `--help` and the
reference say cannot differ.
"""

from __future__ import annotations

import gc
import os
import sys

from gitxp.cli.errors import report
from gitxp.errors import CommandNotFound, UsageError
from gitxp.render.safe import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NamedTuple

    from gitxp.recording.begin import Outcome, Started
else:
    from gitxp.light import NamedTuple

EXIT_NOT_STARTED = 125
_SIGINT = 2
_TOLD = 10


class Option(NamedTuple):
    """One option of `gitxp run`; `key` is its name as an argument of `Repo.run`.

    Without a `metavar` it takes no value: it says `False`, and `opposite`, where there is one, `True`.
    """

    flag: str
    key: str
    metavar: str | None
    help: str
    multiple: bool = False
    opposite: str | None = None


OPTIONS = (
    Option("--name", "name", "NAME", "The run's name; without it, one is made that is easy to say and to type."),
    Option("--note", "note", "TEXT", "What this run is about. May be repeated: each is a paragraph.", multiple=True),
    Option("--tag", "tags", "TAG", "A tag to find it by. May be repeated.", multiple=True),
    Option("--group", "group", "GROUP", "The group of runs that it belongs to."),
    Option(
        "--param",
        "params",
        "K=V",
        "A parameter, above those found in the command and in the files that it names. May be repeated.",
        multiple=True,
    ),
    Option(
        "--data",
        "data",
        "PATH",
        "A file or folder that is read: its fingerprint is kept. May be repeated.",
        multiple=True,
    ),
    Option(
        "--out",
        "outputs",
        "PATH",
        "A file or folder that is produced: kept with the run when the command has ended. May be repeated.",
        multiple=True,
    ),
    Option(
        "--metrics-from",
        "metrics_from",
        "SOURCE",
        "Where metrics stand: 'stdout' for lines such as 'loss: 0.1' or 'acc=0.9', or a JSON file. May be repeated.",
        multiple=True,
    ),
    Option("--no-snapshot", "snapshot", None, "Record the run without the working tree: only the commit HEAD is at."),
    Option(
        "--no-probe",
        "probe",
        None,
        "Leave Python programs alone: do not ask them for parameters, data and outputs, whatever gitxp.yaml says.",
        opposite="--probe",
    ),
    Option(
        "--no-system-metrics",
        "system_metrics",
        None,
        "Do not measure the machine (processor, memory, disk, network, GPUs) meanwhile, whatever gitxp.yaml says.",
        opposite="--system-metrics",
    ),
)


def parse(words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of `Repo.run`; None where the words want click (help, a mistake)."""
    by_flag = {flag: option for option in OPTIONS for flag in (option.flag, option.opposite) if flag}
    found: dict[str, Any] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            position -= 1
            break
        flag, equals, value = word.partition("=")
        option = by_flag.get(flag)
        if option is None or (option.metavar is None and equals):
            return None
        if option.metavar is None:
            found[option.key] = flag == option.opposite
            continue
        if not equals:
            if position >= len(words):
                return None
            value = words[position]
            position += 1
        if option.multiple:
            found.setdefault(option.key, []).append(value)
        else:
            found[option.key] = value
    if position >= len(words):
        return None
    return {"command": list(words[position:]), **found}


def start(arguments: Mapping[str, Any]) -> int:
    """Run the command; the exit status, unless the command died by a signal: then so does this process."""
    gc.disable()  # nothing on the way to the command's start is garbage: looking for some would take 1 ms

    def on_start(started: Started) -> None:
        tell_start(started)
        gc.freeze()  # two processes share the pages of all that there is by now, as long as nobody writes to them
        gc.enable()

    def run() -> Outcome:
        from gitxp.repo.running import Running  # of all that Repo can do

        note = "\n\n".join(arguments.get("note") or ()) or None
        return Running(".").run(**{**arguments, "note": note}, on_start=on_start)

    return recorded(run)


def recorded(run: Callable[[], Outcome]) -> int:
    """Do what records a command, and end as the command did; what went wrong before it began is told, with status 125."""
    for fd in range(3):  # a pipe of ours must never become somebody's stdout
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor is this one
    try:
        outcome = run()
    except KeyboardInterrupt:
        return _die_by(_SIGINT)
    except (UsageError, CommandNotFound) as error:
        return report(error)
    except Exception as error:  # noqa: BLE001  (report sorts it; the status must not look like the command's)
        report(error)
        return EXIT_NOT_STARTED
    tell_end(outcome)
    ending = outcome.ending
    if ending.signal is not None:
        return _die_by(ending.signal)
    return ending.exit_code if ending.exit_code is not None else EXIT_NOT_STARTED


def _die_by(number: int) -> int:
    from gitxp.recording.signals import die_by

    return die_by(number)


def tell_start(started: Started) -> None:
    """Say what is recorded of a run that is about to start."""
    from gitxp.render.words import size_text

    record = started.record
    lines = [f"{record['name']}: {_what(record)}"]
    skipped = record.get("skipped", ())
    for item in skipped[:_TOLD]:
        size = f" ({size_text(item['size'])})" if "size" in item else ""
        several = f", {item['files']:,} files" if "files" in item else ""
        lines.append(f"left out of the snapshot: {item['path']}{size}{several}: {item['reason']}")
    large = record.get("large", ())
    lines += [f"in the LFS store: {item['path']} ({size_text(item['size'])})" for item in large[:_TOLD]]
    if len(large) > _TOLD:
        lines.append(f"… and {len(large) - _TOLD} more in the LFS store: gitxp show {record['name']} --json")
    if len(skipped) > _TOLD:
        lines.append(f"… and {len(skipped) - _TOLD} more: gitxp show {record['name']}")
    lines += [
        f"submodule {item['path']} has changes of its own, which are not in the snapshot"
        for item in record.get("submodules", ())
        if item["dirty"]
    ]
    lines += started.warnings
    _say(*lines)


def _what(record: Mapping[str, Any]) -> str:
    if record.get("snapshot") is False:
        return "no snapshot"
    where = record.get("branch") or "detached HEAD"
    base = f"{where} at {record['base'][:7]}" if "base" in record else f"{where}, no commit yet"
    changes = [f"{count:,} {kind}" for kind, count in record["changes"].items() if count]
    return f"snapshot of {base}" + (f" with {', '.join(changes)}" if changes else "")


def tell_end(outcome: Outcome) -> None:
    """Say how a run ended."""
    from gitxp.render.words import duration_text

    name, ending = outcome.name, outcome.ending
    lines = list(ending.notices)
    if ending.status is None:
        lines.append(
            f"{name} could not be recorded to its end: {ending.problem} "
            f"What is there is kept, and the next gitxp command tries again."
        )
        lines.append(f"{name}: not finished")
    else:
        how = ""
        if ending.signal is not None:
            how = f" (signal {ending.signal})"
        elif ending.exit_code:
            how = f" (exit {ending.exit_code})"
        took = f" after {duration_text(ending.duration)}" if ending.duration is not None else ""
        lines.append(f"{name}: {ending.status}{how}{took}")
    _say(*lines, before="\n" if ending.is_mid_line else "")


def _say(*lines: str, before: str = "") -> None:
    text = before + "".join(f"gitxp: {visible(line)}\n" for line in lines)
    try:
        os.write(2, text.encode(sys.stderr.encoding if sys.stderr else "utf-8", "backslashreplace"))
    except OSError:
        return  # nobody reads it; the run matters more
