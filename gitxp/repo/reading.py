"""The methods of `Repo` that read runs: list, show, logs."""

from __future__ import annotations

import contextlib
import os

from gitxp.format import RUNNING
from gitxp.names import RunName
from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from gitxp.format import Point
    from gitxp.model import Page, Run
    from gitxp.query.glance import Glance
    from gitxp.recording.output import OutputReader
    from gitxp.series import Series

# How often a run that is followed is looked at, in seconds, and after how many quiet looks whether it is still alive.
_LOOK_EVERY = 0.15
_QUIET_LOOKS = 10
_RUNNING = 1000  # newest runs among which those are that are still running and have metrics that no other has
_FEW = 20  # runs that are looked for one by one


class Reading(Base):
    """Runs as they are."""

    @contextlib.contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """For `with`: all that is asked of many runs within is as it is at the first question, though runs go on or end.

        Nothing is to be changed within.
        """
        if self._asked is not None:
            yield
            return
        self._asked = self._index()
        try:
            with self._asked.at_one_moment():
                yield
        finally:
            self._asked = None

    def page(
        self, limit: int | None = None, *, archived: bool = False, where: str | None = None, sort: str | None = None
    ) -> Page:
        """The newest runs, at most `limit` of them (None: all), and how many there are in all.

        `where` is an expression, `metrics.loss < 0.5 and params.opt == "adam"`, which takes those of which it is true;
        `sort` is an order, `metrics.loss,-started`, in place of the newest first. Raises `UsageError` for what cannot be
        understood, with the place. Runs that were archived are among them only with `archived`.
        A run that is running here has the metrics that it logged so far, and is found and sorted by them, unless there are
        hundreds of thousands of points.
        """
        index = self._index()
        if where is None and not sort:
            page = index.newest(limit, archived=archived)
        else:
            from gitxp.query.index import Asked

            page = index.search(Asked(where, sort or None, archived), limit)
        if not any(run.status == RUNNING for run in page.runs):
            return page
        from dataclasses import replace

        return replace(page, runs=tuple(index.with_live(page.runs)))

    def runs(
        self, limit: int | None = None, *, archived: bool = False, where: str | None = None, sort: str | None = None
    ) -> list[Run]:
        """The runs of `page`: at most `limit` of them (None: all), newest first unless `sort` says otherwise."""
        return list(self.page(limit, archived=archived, where=where, sort=sort).runs)

    def find(self, where: str | None = None, sort: str | None = None, *, archived: bool = False) -> list[RunName]:
        """The names of the runs of `runs`, without reading their records. Raises `UsageError`."""
        from gitxp.query.index import Asked

        return [found.name for found in self._index().values(Asked(where, sort or None, archived), ())]

    def read(self, names: Sequence[RunName]) -> list[Run]:
        """The runs of exactly these names, in their order; `UnknownRun` where one is gone. Of running ones as `page`."""
        index = self._index()
        return index.with_live(index.read(names))

    def glance(self) -> Glance:
        """What the index knows at once, for completion: nothing is recovered, and nothing long is built. To be closed."""
        from gitxp.query.glance import Glance

        return Glance(self._git_here(), self._index_path, self._reader)

    def all_series(
        self, runs: Iterable[Run], metrics: Sequence[str] = (), *, tell: Callable[[str], None] | None = None
    ) -> Iterator[tuple[RunName, str, Series]]:
        """The series of these metrics (none: of all) of runs, one after the other: name, metric, points.

        A run without a metric is passed over; so is what cannot be read, and `tell` gets a sentence that says so.
        """
        from gitxp.errors import FormatError
        from gitxp.store.runs import list_series

        tell = tell or (lambda _: None)
        for run in runs:
            if run.problem:
                tell(f"{run.name} is left out. {run.problem}")
                continue
            there = {*list_series(self._reader(), run.commit), *self._live_points(run)}
            for metric in metrics or sorted(there):
                try:
                    if metric in there:
                        yield run.name, metric, self.series_columns(run, metric)
                except FormatError as error:
                    tell(f"{metric} of {run.name} is left out: {error.message}.")

    def series_names(self, texts: Sequence[str]) -> list[str]:
        """The metrics that texts mean: `loss`, `"a,b"` in quotes, or a key as in expressions, `metrics["train/loss"]`.

        Raises `UsageError` for what no run has; where there are no runs, texts are names.
        """
        from gitxp.query.directions import read_series

        index = self._index()
        known = set(index.keys().metrics)
        if not known.issuperset(texts):
            known.update(name for run in index.newest(_RUNNING, archived=True).runs for name in self._live_points(run))
        if not known and not index.newest(1, archived=True).runs:
            return list(texts)
        return [read_series(text, known, index.now()) for text in texts]

    def get(self, text: str) -> Run:
        """The run that a text means: a name, a unique beginning of one, an id, `@` (newest), `@~1` (the one before), a commit.

        Raises `UnknownRun`, or `AmbiguousRun` with the `candidates`.
        """
        from gitxp.query.resolve import resolve

        return resolve(text, self.git, self._reader(), self._index())

    def get_all(self, texts: Sequence[str]) -> list[Run]:
        """The runs that these texts mean, each once, in their order. Raises as `get` for the first that means none."""
        named = {run.name: run for run in self.runs(archived=True)} if len(texts) > _FEW else {}
        found = (named.get(RunName(text)) or self.get(text) for text in texts)
        return list({run.name: run for run in found}.values())

    def show(self, run: Run) -> dict[str, Any]:
        """The record, with `ref`, `commit`, `tags`, `notes`, and `environment` and `series` (names of metrics with a series).

        Entries of `large` and `outputs` that are large objects (`lfs_oid`) have `here`: whether the content is in this clone.
        `own` tells whether it was made here by this user, or trusted by them: what `rerun` executes without asking.
        Of a run that is running here, `metrics` and `series` are those of what it logged so far.
        An environment that cannot be read is left out, and `problem` says why. Raises `FormatError` where the record
        itself cannot be read.
        """
        from gitxp.errors import FormatError
        from gitxp.store.own import is_own
        from gitxp.store.runs import list_series, read_environment

        if run.problem:
            is_here = not self.git.ask("cat-file", "-e", f"{run.commit}^{{tree}}").status
            files = f"Its files are there all the same: git ls-tree -r {run.commit[:12]}"
            raise FormatError(
                f"{run.name} cannot be shown. {run.problem}", hint=files if is_here else "'gitxp doctor' tells more."
            )
        live = self._live_points(run)
        shown = with_points(run, live).to_json()
        shown["own"] = is_own(self._git_here(), self.location.common_dir, run.commit)
        for key in ("large", "outputs"):
            if any("lfs_oid" in item for item in shown.get(key, ())):
                shown[key] = self._with_here(shown[key])
        try:
            shown["environment"] = read_environment(self._reader(), run.commit)
            shown["series"] = sorted({*list_series(self._reader(), run.commit), *live})
        except FormatError as error:
            shown.setdefault("problem", error.message)
        return shown

    def series(self, run: Run, metric: str) -> list[Point]:
        """All points of a metric, in the order in which they were logged: (step, unix time in seconds, value).

        Raises `UsageError` where the run has no series of that name.
        """
        return list(self.series_columns(run, metric))

    def series_columns(self, run: Run, metric: str) -> Series:
        """The points of `series` as three arrays, `steps`, `times` and `values`: a sixth of the memory. Do not change them."""
        from gitxp.store.runs import read_series

        live = self._live_points(run)
        return live[metric] if metric in live else read_series(self._reader(), run.commit, metric)

    def logs(self, run: Run, *, follow: bool = False) -> Iterator[bytes]:
        """What the command printed, in pieces; of a run that is running here, what it printed so far.

        With `follow`, what it prints from now on as well, until it ends.
        """
        live = self._live_folder(run.name)
        from contextlib import closing

        from gitxp.recording.output import OutputReader

        try:
            reader = OutputReader(os.path.join(live, "output.log"))
        except OSError:
            # it ended, perhaps since `run` was read; or it runs elsewhere, and its start was fetched
            yield from self._committed_output(run)
            return
        with closing(reader):
            yield from _read_on(reader, live, follow=follow)

    def is_running_here(self, run: Run) -> bool:
        """Whether a run has a live folder in this repository: else, what it prints is on another machine."""
        return self._has_live_folder(run.name)

    def _live_points(self, run: Run) -> dict[str, Series]:
        """What a run logged so far that is running here; nothing for others."""
        return self._running_here().points(run.name, run.id) if run.status == RUNNING else {}

    def _committed_output(self, run: Run) -> Iterator[bytes]:
        from gitxp.git.refs import find_ref
        from gitxp.store.runs import read_output

        where = find_ref(self.git, run.name)
        yield from read_output(self._reader(), where.commit if where else run.commit)


def with_points(run: Run, points: Mapping[str, Series]) -> Run:
    """The run, with these points summed up as its metrics, if there are any."""
    if not points:
        return run
    from dataclasses import replace

    metrics = {name: series.summary() for name, series in points.items()}
    return replace(run, record={**run.record, "metrics": metrics})


def _read_on(reader: OutputReader, live: str, *, follow: bool) -> Iterator[bytes]:
    """The bytes of a log; with `follow`, until its folder is gone or nobody looks after it any more."""
    import time

    quiet = 0
    while True:
        # asked before the read: what was written before the end is in the file by then
        ended = not follow or not os.path.isdir(live) or (quiet >= _QUIET_LOOKS and _is_abandoned(live))
        while chunk := reader.read():
            yield chunk
            quiet = 0
        if ended:
            return
        quiet = 0 if quiet > _QUIET_LOOKS else quiet + 1
        time.sleep(_LOOK_EVERY)


def _is_abandoned(live: str) -> bool:
    """Whether the recorder is gone: its lock is free."""
    from gitxp.recording.live import is_free

    try:
        lock = os.open(os.path.join(live, "lock"), os.O_RDWR)
    except OSError:
        return False  # the folder is going away, or is not ours to look into
    try:
        return is_free(lock)
    finally:
        os.close(lock)
