"""What `import gitxp` gives a program: `init`, `log`, `config`, `finish`, about the run that this process belongs to.

Under `gitxp run`, and in every process that a run starts, that is the run whose live folder `GITXP_RUN_DIR` names, and
nobody need call `init`. Elsewhere `init` begins a run in this process (recording/session.py), which ends with it. A
forked child belongs to its parent's run: it logs into files of its own and never ends it. In the kernel of a notebook a
second `init` begins another run, since its cell was executed again. Where there is no repository, one line says so, and
nothing is recorded.
"""

from __future__ import annotations

import atexit
import os

from gitxp.current.active import NOWHERE, ActiveRun, say
from gitxp.errors import ConfigError, GitxpError, UsageError
from gitxp.names import MAX_LENGTH, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from gitxp.current.settings import Config, Summary

# What W&B's init takes beside ours, and what has no meaning here: there are no projects, accounts or servers.
_WITHOUT_MEANING = frozenset(
    "project entity dir id job_type resume resume_from fork_from settings save_code sync_tensorboard monitor_gym "
    "tensorboard anonymous allow_val_change force magic config_exclude_keys config_include_keys".split()
)
_MODES = (None, "online", "offline", "shared", "dryrun", "disabled")
_FRESH = (True, "finish_previous", "create_new")
_DEFAULT = (None, "default")

_active: ActiveRun | None = None
_is_joined = False
_watches = False


def init(
    *,
    name: str | None = None,
    config: Any = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    mode: str | None = None,
    reinit: bool | str | None = None,
    **others: Any,
) -> ActiveRun:
    """Join the run that this process belongs to, or begin one; the active run.

    `config` is a dictionary or what stands for one (an argparse Namespace, a dataclass), or the path of a YAML, JSON or
    TOML file. `mode="disabled"` records nothing. With a run that is active already, that one is given, unless `reinit`
    asks for a new one; in a notebook a new one is begun, unless `reinit` is "return_previous". Further words of W&B's `init` are taken and mean nothing. Raises `TypeError` for an unknown word,
    `UsageError` for an unknown mode, `ConfigError` where gitxp.yaml cannot be read.
    """
    unknown = sorted(set(others) - _WITHOUT_MEANING)
    if unknown:
        raise TypeError(f"init() takes no argument {unknown[0]!r}")
    if mode not in _MODES:
        raise UsageError(f"There is no mode {mode!r}.", hint='mode="disabled" records nothing; leave it out otherwise.')
    run = _active
    if run is not None and (reinit in _FRESH or (reinit in _DEFAULT and _begins_anew(run))):
        run.finish()
        run = None
    if run is None:
        run = _disabled() if mode == "disabled" else _join() or _begin(name, notes, tags, group)
        _activate(run)
    if name is not None and _is_joined and name != run.name:
        say(f"{run.name}: it has its name from gitxp run; {name!r} is kept as its title")
        run.describe(title=name)
    run.describe(tags=tags, notes=notes, group=group)
    if config is not None:
        run.config.update(config)
    return run


def begin_apart(
    name: str | None, notes: str | None, tags: Sequence[str], group: str | None, params: Sequence[str]
) -> tuple[ActiveRun, bool]:
    """Begin a run that the caller is to end, after the end of an earlier one of this process; and whether that is so.

    It is not where the process belongs to a run already that it cannot end: then that one is given, and told all of
    this. `params` are NAME=VALUE. Raises `UsageError` for those that are not.
    """
    from gitxp.capture.params.command import from_options

    chosen = from_options(params)
    run = find_active()
    if run is not None and (_is_joined or run.is_held):
        run.describe(tags=tags, notes=notes, group=group)
        run.say_params(chosen, "option")
        return run, False
    if run is not None:
        run.finish()
    run = _begin(name, notes, tags, group, params)
    run.is_held = True
    _activate(run)
    return run, True


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None) -> None:
    """Log a number for each name, nested dictionaries by dotted names: `log({"loss": 0.1, "val": {"acc": 0.9}})`.

    Without `step` each call is a step of its own, from 0 on; `commit=False` stays at the step. With `step` it is that
    one, and the next call without a step belongs to it, too. Images, tables, figures and histograms become artifacts.
    Raises `UsageError` where there is no run, `TypeError` where `data` is no dictionary.
    """
    del sync
    _log(data, step, commit)


def _join_and_log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    active().log(data, step, commit)


_log: Callable[[Mapping[str, Any], int | None, bool | None], None] = _join_and_log


def active() -> ActiveRun:
    """The run that this process belongs to. Raises `UsageError` where it belongs to none."""
    found = find_active()
    if found is not None:
        return found
    if os.environ.get("GITXP_RUN_DIR"):  # the run is over, and this process outlived it
        return _disabled()
    raise UsageError(
        "There is no run that this process belongs to.",
        hint="Call gitxp.init() before, or start the program by gitxp run.",
    )


def find_active() -> ActiveRun | None:
    """The run that this process belongs to, or None."""
    if _active is None:
        run = _join()
        if run is not None:
            _activate(run)
    return _active


def config() -> Config:
    """The parameters of the active run."""
    return active().config


def summary() -> Summary:
    """The results of the active run."""
    return active().summary


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the active run, if there is one. A run of `gitxp run` ends with its command, whatever is said here."""
    if _active is not None:
        _active.finish(exit_code, quiet)


def log_artifact(artifact: Any, name: str | None = None, type: str | None = None, **_: Any) -> Any:  # noqa: A002
    """Keep a file as it is now, the files of a folder, or those of an `Artifact`, under `name`; gives the artifact."""
    return active().log_artifact(artifact, name, type)


def log_image(key: str, image: Any, step: int | None = None, caption: str | None = None) -> None:
    """Keep an image: a path, a PIL image, a matplotlib figure, or an array of pixels."""
    active().log_image(key, image, step, caption)


def log_figure(key: str, figure: Any, step: int | None = None) -> None:
    """Keep a figure: matplotlib's as PNG, plotly's as its JSON."""
    active().log_figure(key, figure, step)


def log_table(key: str, data: Any, columns: Sequence[Any] | None = None, step: int | None = None) -> None:
    """Keep a table: a DataFrame, a list of dictionaries, a dictionary of columns, or rows with `columns`."""
    active().log_table(key, data, columns, step)


def log_text(key: str, text: Any, step: int | None = None) -> None:
    """Keep a text."""
    active().log_text(key, text, step)


def log_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    labels: Sequence[Any] | None = None,
    *,
    matrix: Any = None,
    key: str = "confusion_matrix",
    step: int | None = None,
) -> None:
    """Keep a confusion matrix: of true and predicted classes, or a square `matrix` whose rows are the true classes."""
    active().log_confusion_matrix(y_true, y_pred, labels, matrix=matrix, key=key, step=step)


def log_histogram(key: str, values: Any, bins: int = 64, step: int | None = None) -> None:
    """Keep a histogram of the finite numbers among the values."""
    active().log_histogram(key, values, bins, step)


def save(pattern: Any, *_: Any, **__: Any) -> list[str]:
    """Keep the files that match a glob as they are now; their paths."""
    return active().save(pattern)


def alert(title: str, text: str = "", *_: Any, **__: Any) -> None:
    """Say something on stderr. Nobody is called: there is no server."""
    active().alert(title, text)


def login(*_: Any, **__: Any) -> bool:
    """True: there is nothing to log in to. W&B's word, taken so that its scripts run."""
    return True


def watch(*_: Any, **__: Any) -> None:
    """Nothing: gradients are not recorded. W&B's word, taken so that its scripts run."""


def define_metric(*_: Any, **__: Any) -> None:
    """Nothing: minimum and maximum of each metric are kept anyhow. W&B's word, taken so that its scripts run."""


def _disabled() -> ActiveRun:
    return ActiveRun(None, None, NOWHERE)


def _join() -> ActiveRun | None:
    """The run that `GITXP_RUN_DIR` names, if it is still going on."""
    global _is_joined  # noqa: PLW0603  (there is one run for a process)
    folder = os.environ.get("GITXP_RUN_DIR")
    if not folder or not os.path.isdir(folder):
        return None
    _is_joined = True
    return ActiveRun(os.environ.get("GITXP_RUN"), os.environ.get("GITXP_RUN_ID"), folder)


def _begins_anew(run: ActiveRun) -> bool:
    """Whether another `init` ends the run: in a notebook, where its cell was executed again. So it is with W&B."""
    from gitxp.recording.kernel import find_shell

    return not _is_joined and not run.is_held and find_shell() is not None


def _begin(
    name: str | None,
    notes: str | None,
    tags: Iterable[str] | None,
    group: str | None,
    params: Sequence[str] = (),
) -> ActiveRun:
    """A run of this process's own; a disabled one, after one line that says why, where none can be begun."""
    global _is_joined  # noqa: PLW0603
    from gitxp import __version__
    from gitxp.recording.kernel import find_shell
    from gitxp.recording.session import begin

    _is_joined = False
    tags = [tags] if isinstance(tags, str) else tags
    words = [str(tag) for tag in tags or () if str(tag)]
    try:
        session = begin(_legal(name), __version__, notes or None, words, group or None, params)
    except (UsageError, ConfigError):  # mistakes of whoever wrote the program; what else fails must not stop it
        raise
    except (GitxpError, OSError) as error:
        say(f"nothing is recorded: {error}")
        return _disabled()
    except Exception as error:  # noqa: BLE001  (a mistake of ours must not stop somebody's program)
        say(f"nothing is recorded: {type(error).__name__}: {error}")
        return _disabled()
    run = ActiveRun(session.name, session.id, session.folder, session)
    run.tags = tuple(dict.fromkeys(words))
    run.notes, run.group = notes, group
    say(f"{session.name}: recording")
    for warning in session.warnings:
        say(warning)
    if name is not None and name != session.name:
        run.describe(title=name)
    shell = find_shell()
    if shell is not None:
        from gitxp.current.executed import Executed

        run.executed = Executed(run, shell)
    return run


def _legal(name: str | None) -> str | None:
    """A name that a run may have, as near to the one that was given as can be; None where nothing of it is left."""
    if name is None or is_name(name):
        return name
    text = "".join(c if c.isascii() and c.isalnum() else "_" if c == "_" else "-" if c != "." else c for c in str(name))
    while any(twice in text for twice in ("--", "..")):
        text = text.replace("--", "-").replace("..", ".")
    text = text.strip("-._")[: MAX_LENGTH - 10].rstrip("-._")
    return text if is_name(text) else None


def _activate(run: ActiveRun) -> None:
    global _active, _log, _watches  # noqa: PLW0603
    _active = run
    _log = run.log
    run.on_end = _forget
    if not _watches:
        _watches = True
        from gitxp.current import exits

        exits.watch()
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_after_fork)


def _forget(run: ActiveRun) -> None:
    global _active, _log
    if _active is run:
        _active, _log = None, _join_and_log


def _after_fork() -> None:
    from gitxp.current import exits

    exits.forget()
    if _active is not None:
        _active.renew()


def _at_exit() -> None:
    """What remains to be said when the program ends; of a run of our own, the end."""
    from gitxp.current import exits

    if _active is not None:
        status, signal = exits.how()
        try:
            _active.end(status, signal)
        except KeyboardInterrupt:
            say(f"{_active.name}: not finished; what is there is kept, and the next gitxp command finishes it")
        if signal is not None:
            exits.remain_interrupted()
