"""What is found out while the command runs, in the recorder: environment, data, metrics, artifacts.

The slow part (asking an interpreter, hashing data) is done in a thread, so that the command's output is passed on
meanwhile; everything lands in the live folder, from which the last commit is made, by us or by whoever recovers the run.
A failure costs the fact and is said at the end; it never reaches the command.
"""

from __future__ import annotations

import os
import time

from gitxp.capture.environment.interpreter import TIMEOUT
from gitxp.capture.environment.surroundings import environment
from gitxp.capture.kept import MustAsk
from gitxp.capture.secrets.redaction import redact_path, redact_text
from gitxp.errors import GitxpError
from gitxp.recording.appended import Appended
from gitxp.recording.journal import Journal
from gitxp.recording.wanted import LONG, Wanted, placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from gitxp.capture.metrics import LineMetrics
    from gitxp.recording.live import Live
    from gitxp.recording.sampling import Sampling
    from gitxp.recording.statements import Statement

STDOUT = "stdout"
_COPIES = ".out"  # beside what processes hand in


class Facts:
    """Finds out what is `wanted`; `problems` are sentences for the end of the run, which began at `began_ns` (since 1970).

    `params` are those that the command tells, as they are, with their secrets: they stay in memory.
    """

    def __init__(self, wanted: Wanted, params: Mapping[str, Any] | None = None) -> None:
        self.wanted = wanted
        self.params = params or {}
        self.began_ns = 0
        self.problems: list[str] = []
        self.feed: Callable[[bytes], None] | None = self._feed if STDOUT in wanted.metrics_from else None
        self._lines: LineMetrics | None = None
        self._journal: Journal | None = None
        self._appended: Appended | None = None
        self._thread: threading.Thread | None = None
        self._sampling: Sampling | None = None
        self._is_cancelled = False
        self._environment: dict[str, Any] | None = None
        self._lost = 0
        self._found = 0
        self._before = {path: _facts_of(path) for path in wanted.metrics_from if path != STDOUT}

    def look_ahead(self) -> None:
        """Find out what takes no time. There is some, while git looks at the working tree."""
        try:
            self._attempt("The environment", lambda: self._find_environment(timeout=0))
        except MustAsk:
            return  # something has to be run or read for it: in the thread

    def start(self, live: Live) -> None:
        """Begin with what can be known at the start."""
        self._journal = Journal(live.journal)
        self._appended = Appended((live.journal, live.said))
        if self._environment is not None:
            self._attempt("The environment", lambda: live.write_fact("environment", self._environment))
            if not self.wanted.data:
                return
        import threading

        self._thread = threading.Thread(target=self._look, args=(live,), daemon=True, name="gitxp-facts")
        self._thread.start()

    def measure(self, live: Live, pid: int, since: float) -> None:
        """Begin to measure the machine and the processes from `pid` on, of a run that began at `since` (monotonic)."""
        if self._sampling is None:
            self._attempt("The system metrics", lambda: self._start_sampling(live, pid, since))

    def sync(self) -> None:
        """Bring to the disk what this process and those of the command logged and said."""
        appended = self._appended
        if appended is None:
            return
        try:
            appended.sync()
        except OSError as error:  # once, and not every five seconds
            self._appended = None
            self.problems.append(f"What was logged could not be brought to the disk: {error.strerror}.")

    def finish(self, live: Live, is_impatient: Callable[[], bool]) -> None:
        """Find out what can be known at the end only, and wait for the rest, unless the user is impatient."""
        if self._sampling is not None:
            self._sampling.stop()
            self.problems += filter(None, [self._sampling.problem])
        if self._lines is not None:
            self._log(self._lines.close())
        self._attempt("The metrics", self._read_metrics)
        self._attempt("The metrics of other loggers", lambda: self._take_metrics(live))
        if self.feed is not None and not self._found:
            self.problems.append("No metrics were found on stdout, such as 'loss: 0.1' or 'acc=0.9'.")
        if self._lost:
            self.problems.append(f"{self._lost:,} metric values could not be kept.")
        if self.wanted.config.large.artifacts:
            self._attempt("Where large files go", lambda: self._keep_place(live))
        if self.wanted.outputs:
            self._attempt("The artifacts", lambda: self._take_outputs(live, is_impatient))
        if self._thread is not None:
            while self._thread.is_alive():
                self._thread.join(0.1)
                self._is_cancelled = self._is_cancelled or is_impatient()
        if os.path.isdir(live.said) or live.read_ended().get("duration", 0.0) >= LONG:
            self._attempt("What it read and wrote", lambda: self._take_files(live, is_impatient))

    def _attempt(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except MustAsk:
            raise
        except (GitxpError, OSError) as error:
            self.problems.append(f"{what} could not be recorded: {error}")
        except Exception as error:  # noqa: BLE001  (files of anybody's; the run must be recorded whatever they hold)
            self.problems.append(f"{what} could not be recorded: {type(error).__name__}: {error}")

    def _look(self, live: Live) -> None:
        if self._environment is None:
            self._attempt("The environment", lambda: self._find_environment(timeout=TIMEOUT))
            self._attempt("The environment", lambda: live.write_fact("environment", self._environment))
        if self.wanted.data and live.read_fact("data") is None:
            self._attempt("The data", lambda: self._fingerprint(live))

    def _find_environment(self, timeout: float) -> None:
        wanted = self.wanted
        self._environment = environment(wanted.command, wanted.surroundings(), timeout=timeout)

    def _start_sampling(self, live: Live, pid: int, since: float) -> None:
        from gitxp.recording.sampling import Sampling

        wanted = self.wanted
        self._sampling = Sampling(live.journal, pid, wanted.environ, wanted.system_interval, since)

    def _fingerprint(self, live: Live) -> None:
        from gitxp.capture.data.fingerprints import fingerprint

        wanted = self.wanted
        found = fingerprint(
            wanted.data, wanted.toplevel, wanted.cache, cancelled=lambda: self._is_cancelled, manifests=live.manifests
        )
        if self._is_cancelled:
            self.problems.append("The fingerprints of the data were interrupted.")
        live.write_fact("data", found)

    def _feed(self, data: bytes) -> None:
        if self._lines is None:
            from gitxp.capture.metrics import LineMetrics

            self._lines = LineMetrics()
        self._log(self._lines.feed(data))

    def _log(self, found: Any) -> None:
        assert self._journal is not None
        now = round(time.time(), 3)
        for metric, step, value in found:
            self._found += 1
            try:
                self._journal.append(metric, step, now, value)
            except OSError:
                self._lost += 1

    def _read_metrics(self) -> None:
        for path, before in self._before.items():
            if before is not None and _facts_of(path) == before:
                self.problems.append(f"{self._name(path)} was not written in this run: no metrics are taken from it.")
                continue
            from gitxp.capture.metrics import from_json_file

            metrics = from_json_file(path)
            if not metrics:
                self.problems.append(f"No metrics were found in {self._name(path)}: it holds no numbers.")
            self._log((metric, 0, value) for metric, value in metrics.items())

    def _take_metrics(self, live: Live) -> None:
        from gitxp.recording.logged import take_metrics

        self.problems += take_metrics(live.path, live.read_state()["record"], self.wanted.toplevel, self.began_ns / 1e9)

    def _keep_place(self, live: Live) -> None:
        """For what programs handed in: that is looked at with the last commit, by whoever makes it."""
        store = self.wanted.large_store()
        most = self.wanted.config.large.max_total_size
        live.write_fact("large", {"root": store.root, "shared": store.shared, "most": most})

    def _take_outputs(self, live: Live, is_impatient: Callable[[], bool]) -> None:
        from gitxp.capture.outputs import MAX_FILE, MAX_TOTAL, Room, keep

        large = self.wanted.config.large
        room = Room(MAX_FILE, MAX_TOTAL)
        if large.artifacts:
            room = room._replace(large=self.wanted.large_store(), all_large=large.max_total_size)
        copies = os.path.join(live.artifacts, _COPIES)
        kept = keep(self.wanted.outputs, self.wanted.toplevel, copies, is_impatient, room)
        # an address that somebody gave to --out is no file; one that is kept has its name in the tree of the run
        live.write_fact(
            "outputs",
            [entry if entry["stored"] else {**entry, "path": redact_path(entry["path"])} for entry in kept.entries],
        )
        live.write_fact("artifacts", placed(kept.artifacts, _COPIES))
        self.problems += map(redact_text, kept.problems)

    def _take_files(self, live: Live, is_impatient: Callable[[], bool]) -> None:
        """What the run read and wrote without anybody naming it."""
        from gitxp.recording.files import opened_files, take_inputs, take_written
        from gitxp.recording.statements import read_statements

        statements, _ = read_statements(live.path)
        self._attempt("The interpreter", lambda: self._correct_environment(live, statements))
        opened = opened_files(statements, self.wanted.environ)
        self.problems += take_inputs(live, self.wanted, opened, is_impatient)
        self.problems += take_written(live, self.wanted, opened, statements, is_impatient, self.params)

    def _correct_environment(self, live: Live, statements: Sequence[Statement]) -> None:
        from gitxp.recording.interpreter import true_environment

        found = true_environment(live.read_fact("environment"), self.wanted, statements)
        if found is not None:
            live.write_fact("environment", found)

    def _name(self, path: str) -> str:
        """The path from the top of the working tree; of a file outside of it, the absolute path."""
        inside = os.path.relpath(path, self.wanted.toplevel)
        return path if inside.startswith("../") or inside == ".." else inside


def _facts_of(path: str) -> tuple[int, ...] | None:
    """What changes when a file is written; None where there is none."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
