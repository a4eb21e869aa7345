"""Everything before the command's start: look, name, snapshot, first commit; then over to the front.

The order is the contract (docs/format.md): a live folder that survives a crash, the snapshot's objects, the ref, and only
then the command. git's processes are started as early as possible and read as late as possible; what Python has to
import and work out, it does meanwhile.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import CommandNotFound, NameTaken, UsageError
from gitxp.format import FORMAT, RUN_REFS, RUNNING, format_time, make_id
from gitxp.git.program import Git
from gitxp.git.worktree import Surveyor
from gitxp.names import RunName, check_name, make_name
from gitxp.recording import live as live_folders
from gitxp.store.writer import Identity, create, prepare, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.capture.config import Config
    from gitxp.capture.snapshot import Snapshot
    from gitxp.format import Oid, Record
    from gitxp.git.program import Process
    from gitxp.git.worktree import Location, Survey
    from gitxp.recording.live import Live

_OUTPUT_LIMIT = 256 * 1024 * 1024
_CLOCK_GRAIN = 20_000_000  # ns: file times come from the kernel's coarse clock, which lags behind the fine one


class Request(NamedTuple):
    """What the user asked for: the command, and what to say and keep of its run. Paths are as typed."""

    command: Sequence[str]
    name: str | None = None
    note: str | None = None
    tags: Sequence[str] = ()
    group: str | None = None
    params: Sequence[str] = ()
    data: Sequence[str] = ()
    outputs: Sequence[str] = ()
    metrics_from: Sequence[str] = ()
    snapshot: bool = True


class Started(NamedTuple):
    """A run that is about to start, for whoever tells the user: the record so far, and warnings in sentences."""

    record: Record
    warnings: Sequence[str]


class Outcome(NamedTuple):
    """How a run ended: by `signal`, or with `exit_code`, or with neither where nobody could see it.

    `record` and `commit` are the final ones; None where they could not be written, for the reason in `problem`.
    """

    name: str
    exit_code: int | None
    signal: int | None
    record: Record | None
    commit: str | None
    problem: str | None


def run(request: Request, version: str, on_start: Callable[[Started], None]) -> Outcome:
    """Record one run of the command in the current directory, and say how it ended.

    Raises `GitxpError` where the run cannot begin; then the command was not started, and nothing is left behind.
    """
    cwd = os.getcwd()
    started_ns = time.time_ns()
    git = Git(cwd)
    surveyor = Surveyor(git)
    try:
        return _run(request, version, on_start, cwd, started_ns, surveyor)
    finally:
        surveyor.close()


def _run(
    request: Request,
    version: str,
    on_start: Callable[[Started], None],
    cwd: str,
    started_ns: int,
    surveyor: Surveyor,
) -> Outcome:
    git = surveyor.git
    executable = find_executable(request.command, os.environ)
    name = check_name(request.name) if request.name is not None else None
    namesakes = git.start("for-each-ref", "--ignore-case", "--format=%(refname)", RUN_REFS + name) if name else None
    from gitxp.capture.config import load_config
    from gitxp.capture.params import capture_params
    from gitxp.recording.facts import Facts, Wanted
    from gitxp.recording.front import watch
    from gitxp.recording.recorder import Task
    from gitxp.recording.relay import Streams
    from gitxp.recording.signals import Signals

    location = surveyor.location()
    assert location.toplevel is not None
    config = load_config(location.toplevel)
    params, sources, warnings = capture_params(request.command, cwd, request.params)
    if name and namesakes:
        _check_free(name, namesakes, location)
    live = live_folders.create(location.common_dir)
    try:
        survey = _survey(surveyor, live, started_ns)
        importer = prepare(git)
        snapshot = _capture(git, survey, live, config, is_wanted=request.snapshot)
        user, host = _user(os.environ), os.uname().nodename
        identity = Identity.of(survey.variables, os.environ, user, host)
        record = _record(request, survey, snapshot, {"user": user, "host": host, "gitxp_version": version})
        if params:
            record |= {"params": params, "param_sources": sources}
        signals = Signals()  # from here on a signal is for the command
        tree = snapshot.tree if snapshot is not None else location.head_tree
        tip = _create(git, live, record, identity, tree, importer, name)
    except BaseException:
        live.remove()
        raise
    on_start(Started(record, warnings))
    environ = {
        **os.environ,
        "GITXP_RUN": record["name"],
        "GITXP_RUN_ID": record["id"],
        "GITXP_RUN_DIR": live.path,
    }
    wanted = Wanted(
        command=request.command,
        cwd=cwd,
        toplevel=location.toplevel,
        environ=environ,
        cache=os.path.join(location.common_dir, "gitxp", "cache"),
        data=_paths(cwd, request.data, location.toplevel, config.data),
        outputs=_paths(cwd, request.outputs, location.toplevel, config.outputs),
        metrics_from=[
            path if path == "stdout" else os.path.join(base, path)
            for base, paths in ((cwd, request.metrics_from), (location.toplevel, config.metrics_from))
            for path in paths
        ],
    )
    recording_git = Git(location.toplevel, own_group=True)
    recording_git.durable_for(survey.version)
    task = Task(recording_git, live, tip, executable, request.command, environ, Facts(wanted), _OUTPUT_LIMIT)
    found = watch(task, Streams(), signals)
    ended = found["ended"]
    return Outcome(
        record["name"],
        ended.get("exit_code"),
        ended.get("signal"),
        found.get("record"),
        found.get("commit"),
        found.get("problem"),
    )


def find_executable(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """The file to execute for a command, as a shell finds it. `UsageError` without one, `CommandNotFound`."""
    if not command or not command[0]:
        raise UsageError("There is no command to run.", hint="Say which: gitxp run python train.py")
    program = command[0]
    if "/" in program:
        candidates = [program]
    else:
        folders = environ.get("PATH", os.defpath).split(os.pathsep)
        candidates = [os.path.join(folder or ".", program) for folder in folders]
    there = [path for path in candidates if os.path.exists(path) and ("/" in program or not os.path.isdir(path))]
    for path in there:
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    if there:
        why = "is a folder" if os.path.isdir(there[0]) else "may not be executed"
        raise CommandNotFound(
            f"{there[0]} {why}; nothing was run and nothing was recorded.",
            hint=f"Name a program, or make it one: chmod +x {there[0]}",
            executable=False,
        )
    hint = f"For a file in this folder: gitxp run ./{program}" if os.path.isfile(program) else _near(program)
    raise CommandNotFound(f"{program}: command not found; nothing was run and nothing was recorded.", hint=hint)


def _near(program: str) -> str:
    if program.endswith(".py"):
        return f"For a script: gitxp run python {program}"
    return "Is it spelt right, and is its environment active?"


def _check_free(name: RunName, namesakes: Process, location: Location) -> None:
    """No other run has the name, nor one that differs from it by case alone (they would be one file on some disks)."""
    others = namesakes.check().decode("ascii", "replace").split() + live_folders.names(location.common_dir)
    for other in others:
        found = other.removeprefix(RUN_REFS)
        if found.lower() == name.lower():
            if found == name:
                raise taken(name)
            raise NameTaken(
                f"There is a run named {found!r}, which differs from {name!r} by case alone.",
                hint="Choose another --name, or leave it out and one is made.",
            )


def _survey(surveyor: Surveyor, live: Live, started_ns: int) -> Survey:
    """What git sees. When the index changed while several processes looked at it, they look again, at one copy."""
    survey = surveyor.survey()
    surveyor.git.durable_for(survey.version)
    try:
        changed_ns = os.stat(survey.location.index_path).st_mtime_ns
    except FileNotFoundError:
        return survey
    if changed_ns < started_ns - _CLOCK_GRAIN:
        return survey
    from gitxp.capture.snapshot import copy_index

    copy_index(survey.location.index_path, live.index)
    return surveyor.survey_again(survey, live.index)


def _capture(git: Git, survey: Survey, live: Live, config: Config, *, is_wanted: bool) -> Snapshot | None:
    if not is_wanted:
        return None
    from gitxp.capture.snapshot import capture

    toplevel = survey.location.toplevel
    assert toplevel is not None
    if git.directory != toplevel:
        git = Git(toplevel)
        git.durable_for(survey.version)
    kept = os.path.join(survey.location.git_dir, "gitxp", "cache", "untracked.index")
    return capture(git, survey, live.index, kept, config.snapshot)


def _record(request: Request, survey: Survey, snapshot: Snapshot | None, by: dict[str, str]) -> Record:
    location = survey.location
    now = time.time_ns()
    record: Record = {
        "format": FORMAT,
        "id": make_id(now, os.urandom(10)),
        "status": RUNNING,
        "command": list(request.command),
        "cwd": location.prefix.rstrip("/") or ".",
        "started_at": format_time(now),
        "git": {"version": survey.version_text},
        **by,
    }
    remote = survey.variables.get("remote.origin.url")
    if remote:
        record["git"]["remote"] = _without_user(remote)
    optional = {
        "base": location.head,
        "branch": survey.branch,
        "group": request.group,
        "note": request.note,
        "tags": list(dict.fromkeys(request.tags)),
    }
    record |= {key: value for key, value in optional.items() if value}
    if snapshot is None:
        record["snapshot"] = False
        return record
    record |= {"dirty": snapshot.dirty, "changes": snapshot.changes}
    if snapshot.skipped:
        record["skipped"] = [item.to_json() for item in snapshot.skipped]
    if snapshot.submodules:
        record["submodules"] = list(snapshot.submodules)
    return record


def _create(
    git: Git,
    live: Live,
    record: Record,
    identity: Identity,
    tree: Oid | None,
    importer: Process,
    name: RunName | None,
) -> Oid:
    """Take a name, write the state, then the ref."""
    base: Oid | None = record.get("base")
    process: Process | None = importer
    for _ in range(100):
        record["name"] = name or make_name(os.urandom(8))
        live.write_state({"format": FORMAT, "host": record["host"], "record": record, "identity": list(identity)})
        try:
            if live.rename(record["name"]):
                return create(process or prepare(git), identity, record, base, tree)
        except NameTaken:
            process = None
            if name:
                raise
        if name:
            raise taken(name)
    raise taken(record["name"])


def _paths(cwd: str, typed: Sequence[str], toplevel: str, configured: Sequence[str]) -> list[str]:
    named = [os.path.normpath(os.path.join(cwd, path)) for path in typed]
    named += [os.path.normpath(os.path.join(toplevel, path)) for path in configured]
    return list(dict.fromkeys(named))


def _user(environ: Mapping[str, str]) -> str:
    for variable in ("LOGNAME", "USER"):
        if environ.get(variable):
            return environ[variable]
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())


def _without_user(url: str) -> str:
    """A remote's address without `user:password@`, which may be a token."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
