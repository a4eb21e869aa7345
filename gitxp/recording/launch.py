"""Everything before the command's start: name, snapshot, first commit; then over to the front.

The order is the contract (docs/format.md): a live folder that survives a crash, the snapshot's objects, the ref, and only
then the command. git's processes are read as late as possible; what Python has to work out, it does meanwhile.
"""

from __future__ import annotations

import os
import time

from gitxp.capture.config import System, load_config
from gitxp.capture.params.command import capture_params
from gitxp.capture.secrets.redaction import redact_command, redact_params, redact_path, redact_text, redact_url
from gitxp.capture.snapshot import capture, copy_index
from gitxp.errors import NameTaken, UsageError
from gitxp.format import FORMAT, RUN_REFS, RUNNING, format_time, make_id
from gitxp.git.program import Git
from gitxp.names import RunName, check_name, make_name
from gitxp.recording import live as live_folders
from gitxp.recording.begin import Outcome, Started
from gitxp.recording.executable import find_program
from gitxp.recording.facts import STDOUT, Facts
from gitxp.recording.front import watch
from gitxp.recording.recorder import Task
from gitxp.recording.relay import Streams
from gitxp.recording.signals import Signals
from gitxp.recording.wanted import Wanted
from gitxp.store.archived_names import ARCHIVES, find_archived
from gitxp.store.writer import Identity, create, discard, find_user, prepare, taken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.capture.config import Config
    from gitxp.capture.large_untracked import Place
    from gitxp.capture.snapshot import Snapshot
    from gitxp.format import Oid, Record
    from gitxp.git.program import Process
    from gitxp.git.worktree import Location, Survey, Surveyor
    from gitxp.recording.begin import Request
    from gitxp.recording.live import Live
    from gitxp.store.writer import Edit

_OUTPUT_LIMIT = 256 * 1024 * 1024
_CLOCK_GRAIN = 20_000_000  # ns: file times come from the kernel's coarse clock, which lags behind the fine one


def launch(
    request: Request, version: str, on_start: Callable[[Started], None], surveyor: Surveyor, started_ns: int
) -> Outcome:
    """Do everything before the command's start, and see it to its end. For the arguments and errors, see `begin.run`.

    `surveyor` was started at `started_ns`, in nanoseconds since 1970.
    """
    git = surveyor.git
    cwd = git.directory
    executable, words = find_program(request.command, cwd, os.environ)
    opening = Opening(request, version, surveyor, started_ns)
    try:
        signals = Signals()  # from here on a signal is for the command
        tip = opening.create()
    except BaseException:
        opening.undo()
        raise
    record, live, facts = opening.record, opening.live, opening.facts
    probe = _probe(os.environ) if _is_probed(request, facts.wanted.config, os.environ) else {}
    if request.probe and not probe:
        opening.warnings.append("--probe does nothing: GITXP_PROBE=0, or this installation has no probe to load")
    on_start(Started(record, opening.warnings))
    environ = {
        **os.environ,
        **({} if cwd == os.getcwd() else {"PWD": cwd}),
        "GITXP_RUN": record["name"],
        "GITXP_RUN_ID": record["id"],
        "GITXP_RUN_DIR": live.path,
        "GITXP_ROOT": facts.wanted.toplevel,
        **probe,
    }
    task = Task(opening.recording_git(), live, tip, executable, words, cwd, environ, facts, _OUTPUT_LIMIT)
    return Outcome(record["name"], watch(task, Streams(), signals))


def _is_probed(request: Request, config: Config, environ: Mapping[str, str]) -> bool:
    wanted = config.probe if request.probe is None else request.probe
    return wanted and environ.get("GITXP_PROBE") != "0"


def _probe(environ: Mapping[str, str]) -> dict[str, str]:
    """What makes a Python import the probe when it starts: a folder with a `sitecustomize`, before all others."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "capture", "probe")
    if os.pathsep in folder or not os.path.isdir(folder):
        return {}
    # an empty entry would be the current folder; ours is there already in a run inside of a run; the slash: see there
    others = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry.rstrip("/") != folder]
    return {"PYTHONPATH": os.pathsep.join([folder, *others]) if any(others) else folder + "/"}


class Opening:
    """A run that is about to be: what it will be known by is found out here, and `create` makes it or `undo` forgets it.

    For the arguments and errors, see `begin.run`. After an error of its own nothing is left behind.
    """

    def __init__(self, request: Request, version: str, surveyor: Surveyor, started_ns: int) -> None:
        self.git = git = surveyor.git
        cwd = git.directory
        _check_words(request)
        self._name = check_name(request.name) if request.name is not None else None
        self.location = location = surveyor.location()
        assert location.toplevel is not None
        config = load_config(location.toplevel)
        params, sources, warnings = capture_params(request.command, cwd, request.params)
        self.facts = Facts(_wanted(request, cwd, location, config), params)
        self.facts.look_ahead()
        self.warnings = [*warnings, *_missing(self.facts.wanted)]
        self.live = live_folders.create(location.common_dir)
        self._importer: Process | None = None
        try:
            git.durable_for(surveyor.version())
            self._importer = prepare(git, is_small=True)
            self.survey = survey = _without(_survey(surveyor, self.live, started_ns), request.besides)
            snapshot = _capture(git, survey, self.live, config, is_wanted=request.snapshot)
            user, host = find_user(os.environ), os.uname().nodename
            identity = Identity.of(survey.variables, os.environ, user, host)
            self.facts.began_ns = now = time.time_ns()
            by = {"user": user, "host": host, "gitxp_version": version}
            self.record = _record(request, survey, snapshot, by, cwd, now)
            if params:
                self.record |= {"params": redact_params(params), "param_sources": sources}
            tree, edits = (snapshot.tree, snapshot.edits) if snapshot is not None else (location.head_tree, ())
            self._writer = _Writer(git, self.live, self.record, identity, tree, edits, self._importer)
        except BaseException:
            self.undo()
            raise

    def create(self) -> Oid:
        """Make it a run: its live folder takes its name, and its ref its first commit, which this gives."""
        if self._name is None:
            return self._writer.create_made()
        return self._writer.create_named(self._name, self.location.common_dir)

    def undo(self) -> None:
        """Leave nothing behind."""
        if self._importer is not None:
            discard(self._importer)
        self.live.remove()

    def recording_git(self) -> Git:
        """For what follows: at the top of the working tree, and in a group of its own, which no key reaches."""
        assert self.location.toplevel is not None
        git = Git(self.location.toplevel, own_group=True)
        git.durable_for(self.survey.version)
        return git


def _check_words(request: Request) -> None:
    """An empty word is what a variable that is not set leaves; nobody means the current folder by it."""
    given = {
        "--tag": request.tags,
        "--data": request.data,
        "--out": request.outputs,
        "--metrics-from": request.metrics_from,
        "--group": () if request.group is None else (request.group,),
    }
    for option, words in given.items():
        if "" in words:
            raise UsageError(f"{option} is empty.", hint=f"Give {option} a value, or leave it out.")


def _missing(wanted: Wanted) -> list[str]:
    return [
        f"there is no {path} to take a fingerprint of (--data)" for path in wanted.data if not os.path.lexists(path)
    ]


def _wanted(request: Request, cwd: str, location: Location, config: Config) -> Wanted:
    toplevel = location.toplevel
    assert toplevel is not None
    return Wanted(
        command=request.command,
        cwd=cwd,
        toplevel=toplevel,
        environ=os.environ,
        cache=os.path.join(location.common_dir, "gitxp", "cache"),
        data=_paths(cwd, request.data, toplevel, config.data),
        outputs=_paths(cwd, request.outputs, toplevel, config.outputs),
        metrics_from=[
            path if path == "stdout" else os.path.join(base, path)
            for base, paths in ((cwd, request.metrics_from), (toplevel, config.metrics_from))
            for path in paths
        ],
        config=config,
        system_interval=_interval(request.system_metrics, config),
    )


def _interval(wanted: bool | None, config: Config) -> float:
    """Every how many seconds the machine is measured; 0 is never."""
    if wanted is None:
        return config.system.interval
    return (config.system.interval or System().interval) if wanted else 0.0


def _survey(surveyor: Surveyor, live: Live, started_ns: int) -> Survey:
    """What git sees. When the index changed while several processes looked at it, they look again, at one copy."""
    survey = surveyor.survey()
    try:
        changed_ns = os.stat(survey.location.index_path).st_mtime_ns
    except FileNotFoundError:
        return survey
    if changed_ns < started_ns - _CLOCK_GRAIN:
        return survey
    copy_index(survey.location.index_path, live.index)
    return surveyor.survey_again(survey, live.index)


def _without(survey: Survey, besides: Sequence[str]) -> Survey:
    """The survey without these untracked files."""
    if not besides:
        return survey
    return survey._replace(untracked=tuple(path for path in survey.untracked if path not in besides))


def _capture(git: Git, survey: Survey, live: Live, config: Config, *, is_wanted: bool) -> Snapshot | None:
    if not is_wanted:
        return None
    toplevel = survey.location.toplevel
    assert toplevel is not None
    if git.directory != toplevel:
        git = Git(toplevel)
        git.durable_for(survey.version)
    kept = os.path.join(survey.location.git_dir, "gitxp", "cache", "untracked.index")
    place = (lambda: _place(survey, live, config)) if config.large.untracked else None
    return capture(git, survey, live.index, kept, config.snapshot, place)


def _place(survey: Survey, live: Live, config: Config) -> Place:
    """Where untracked files over the limits go."""
    from gitxp.capture.large_untracked import Place
    from gitxp.git.lfs import Store

    store = Store.of(survey.location.common_dir, survey.variables)
    cache = os.path.join(survey.location.git_dir, "gitxp", "cache", "large.json")
    return Place(store, config.large.max_total_size, cache, live.path)


def _record(
    request: Request, survey: Survey, snapshot: Snapshot | None, by: dict[str, str], cwd: str, now: int
) -> Record:
    location = survey.location
    record: Record = {
        "format": FORMAT,
        "id": make_id(now, os.urandom(10)),
        "status": RUNNING,
        "command": redact_command(request.command),
        "cwd": location.prefix.rstrip("/") or ".",
        "started_at": format_time(now),
        "git": {"version": survey.version_text},
        **by,
    }
    remote = survey.variables.get("remote.origin.url")
    if remote:
        record["git"]["remote"] = redact_url(_without_user(remote))
    optional = {
        "base": location.head,
        "branch": survey.branch,
        "group": redact_text(request.group) if request.group else None,
        "note": redact_text(request.note) if request.note else None,
        "tags": list(dict.fromkeys(map(redact_text, request.tags))),
        "parent_run": request.parent_run,
        "asked": _asked(request, location, cwd),
    }
    record |= {key: value for key, value in optional.items() if value}
    if snapshot is None:
        record["snapshot"] = False
        return record
    record |= {"dirty": snapshot.dirty, "changes": snapshot.changes}
    if snapshot.skipped:
        record["skipped"] = [item.to_json() for item in snapshot.skipped]
    if snapshot.large:
        record["large"] = list(snapshot.large)
    if snapshot.submodules:
        record["submodules"] = list(snapshot.submodules)
    return record


def _asked(request: Request, location: Location, cwd: str) -> dict[str, list[str]]:
    """What the options named, which nothing else in the record tells: for whoever repeats the run."""
    toplevel = location.toplevel
    assert toplevel is not None
    metrics_from = [
        word if word == STDOUT else os.path.normpath(os.path.join(cwd, word)) for word in request.metrics_from
    ]
    asked = {
        "data": _paths(cwd, request.data, toplevel, ()),
        "outputs": _paths(cwd, request.outputs, toplevel, ()),
        "metrics_from": list(dict.fromkeys(metrics_from)),
    }
    top = f"{toplevel.rstrip('/')}/"
    return {
        key: ["." if path == toplevel else redact_path(path.removeprefix(top)) for path in paths]
        for key, paths in asked.items()
        if paths
    }


class _Writer:
    """Takes a name, writes the state, then the ref: the step with which a run begins to exist."""

    def __init__(
        self,
        git: Git,
        live: Live,
        record: Record,
        identity: Identity,
        tree: Oid | None,
        edits: Sequence[Edit],
        importer: Process,
    ) -> None:
        self.git = git
        self.live = live
        self.record = record
        self.identity = identity
        self.tree = tree
        self.edits = edits
        self.importer = importer

    def create_named(self, name: RunName, common_dir: str) -> Oid:
        """With the name that the user gave. Raises `NameTaken`, also where the names differ by case alone."""
        with live_folders.NameLock(common_dir, name):
            patterns = (RUN_REFS + name, ARCHIVES)
            refs = self.git.run("for-each-ref", "--ignore-case", "--format=%(refname)", *patterns)
            names = refs.decode("utf-8", "replace").split()
            others = [ref.removeprefix(RUN_REFS) for ref in names]
            others += find_archived(self.git, names, name, whole=True)
            for other in others + live_folders.names(common_dir):
                if other != name and other.lower() == name.lower():
                    raise NameTaken(
                        f"There is a run named {other!r}, which differs from {name!r} by case alone.",
                        hint="Choose another --name, or leave it out and one is made.",
                    )
            if name in others or not self._take(name):
                raise taken(name)
            return self._create(self.importer)

    def create_made(self) -> Oid:
        """With a made name; another one where it should be taken."""
        importer: Process | None = self.importer
        for _ in range(100):
            if self._take(make_name(os.urandom(8))):
                try:
                    return self._create(importer or prepare(self.git, is_small=True))
                except NameTaken:
                    importer = None
        raise taken(self.record["name"])

    def _take(self, name: RunName) -> bool:
        self.record["name"] = name
        self.live.write_state(
            {
                "format": FORMAT,
                "host": self.record["host"],
                "record": self.record,
                "identity": list(self.identity),
            }
        )
        return self.live.rename(name)

    def _create(self, importer: Process) -> Oid:
        return create(importer, self.identity, self.record, self.record.get("base"), self.tree, self.edits)


def _paths(cwd: str, typed: Sequence[str], toplevel: str, configured: Sequence[str]) -> list[str]:
    named = [os.path.normpath(os.path.join(cwd, path)) for path in typed]
    named += [os.path.normpath(os.path.join(toplevel, path)) for path in configured]
    return list(dict.fromkeys(named))


def _without_user(url: str) -> str:
    """A remote's address without `user:password@`, which may be a token."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
