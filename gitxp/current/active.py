"""The active run: what a process may say of the run that it belongs to, in the words of W&B and of Neptune.

Everything goes to files of this process's own in the live folder, from which the recorder makes the record: this never
waits for git, and a kill of any process loses nothing that was said. Where the live folder is gone (the run is over, or
there never was one), all of it does nothing. What cannot be kept is told once, and counted; it is never raised.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from gitxp.capture.secrets.redaction import redact_text
from gitxp.current.points import Points
from gitxp.current.said import Said
from gitxp.current.settings import Config, Summary
from gitxp.current.staging import Staging, files_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from gitxp.current.executed import Executed
    from gitxp.current.fields import Field
    from gitxp.current.media import Media
    from gitxp.recording.ending import Ending
    from gitxp.recording.session import Session

_MAX_TOLD = 20
NOWHERE = os.devnull  # a live folder that cannot be: nothing can be made in it
_SIGINT = 2


class ActiveRun:
    """A run that is going on. `name` and `id` are None where nothing is recorded; `folder` is its live folder.

    `session` is what ends a run of this process's own. `executed` keeps the cells of a notebook whose kernel this is.
    `is_held` is true while somebody else is going to end it (`%%gitxp`).
    """

    def __init__(
        self,
        name: str | None,
        id: str | None,  # noqa: A002  (what it is, here and in W&B)
        folder: str,
        session: Session | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.folder = folder
        self.tags: tuple[str, ...] = ()
        self.notes: str | None = None
        self.group: str | None = None
        self.is_finished = False
        self.is_held = False
        self.executed: Executed | None = None
        self.on_end: Callable[[ActiveRun], None] | None = None
        self._session = session
        self._told: set[str] = set()
        self._next: dict[str, int] = {}
        self._said = Said(folder)
        self._points = Points(folder, self._tell, self._special)
        self._staging = Staging(folder, self._said.say)
        self.log: Callable[..., None] = self._points.log
        self.config = Config(lambda params: self._said.say_all("params", "params", params, source="api"))
        self.summary = Summary(self._points.last, self.keep, lambda v: self._said.say_all("summary", "values", v))

    @property
    def step(self) -> int:
        """The step of the next `log` that names none."""
        return self._points.step

    @property
    def dir(self) -> str:
        """The live folder."""
        return self.folder

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self.name is None

    @property
    def url(self) -> None:
        """None: the run is in this repository and nowhere else."""
        return

    def append(self, metric: str, value: Any, step: Any = None) -> None:
        """Log one value of a metric. Without a step it is the next one of this metric, from 0 on."""
        if step is None:
            step = self._next.get(metric, 0)
        try:
            step = int(step)
        except (TypeError, ValueError, OverflowError):
            self._tell(f"step of {metric}", f"{step!r} is no step of {metric!r}; the next one was taken instead")
            step = self._next.get(metric, 0)
        self._next[metric] = step + 1
        self._points.append(metric, value, step)

    def keep(self, name: str, value: Any) -> None:
        """Keep one result: a number as the last point of a metric, a file as an artifact, anything else as a word."""
        from gitxp.current.values import number

        found = number(value)
        if found is not None:
            self._points.append(name, found, max(self._points.step - 1, 0))
        elif not self._special(name, value, self._points.step):
            self.summary.update({name: value})

    def describe(
        self,
        *,
        tags: Iterable[str] | None = None,
        notes: str | None = None,
        group: str | None = None,
        title: str | None = None,
    ) -> None:
        """Say something about the run, beside what was said before; new notes, group and title replace the old."""
        if tags is not None:
            new = [redact_text(str(tag)) for tag in ([tags] if isinstance(tags, str) else tags)]
            new = [tag for tag in dict.fromkeys(new) if tag not in self.tags]
            self.tags = (*self.tags, *new)
            if new:
                self._said.say("metadata", tags=new)
        self.notes, self.group = notes or self.notes, group or self.group
        words = {"notes": notes, "group": group, "title": title}
        kept = {key: redact_text(str(word)) for key, word in words.items() if word}
        if kept:
            self._said.say("metadata", **kept)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add tags."""
        self.describe(tags=tags)

    def log_artifact(self, artifact: Any, name: str | None = None, type: str | None = None, **_: Any) -> Any:  # noqa: A002
        """Keep a file as it is now, the files of a folder, or those of an `Artifact`, under `name`; gives the artifact."""
        if hasattr(artifact, "files"):
            pairs = [(path, f"{artifact.name}/{inside}") for path, inside in artifact.files]
        else:
            path = os.fsdecode(artifact)
            base = name or os.path.basename(os.path.abspath(path))
            pairs = [(path, base)]
            if os.path.isdir(path):
                pairs = [(inner, f"{base}/{inside}") for inner, inside in files_below(path)]
        for source, target in pairs:
            self._attempt(target, partial(self._staging.add_file, source, target))
        del type
        return artifact

    def log_image(self, key: str, image: Any, step: int | None = None, caption: str | None = None) -> None:
        """Keep an image: a path, a PIL image, a matplotlib figure, or an array.

        Arrays are (height, width) or (height, width, channels), those of torch (channels, height, width); floats from 0
        to 1, or numbers from 0 to 255.
        """
        from gitxp.current.media import Image

        self._keep_media(key, step, lambda: Image(image, caption))

    def log_figure(self, key: str, figure: Any, step: int | None = None) -> None:
        """Keep a figure: matplotlib's as PNG, plotly's as its JSON."""
        from gitxp.current.media import Figure

        self._keep_media(key, step, lambda: Figure(figure))

    def log_table(self, key: str, data: Any, columns: Sequence[Any] | None = None, step: int | None = None) -> None:
        """Keep a table: a DataFrame, a list of dictionaries, a dictionary of columns, or rows with `columns`."""
        from gitxp.current.media import Media, Table

        self._keep_media(key, step, lambda: data if isinstance(data, Media) else Table(columns, data))

    def log_text(self, key: str, text: Any, step: int | None = None) -> None:
        """Keep a text."""
        from gitxp.current.media import Text

        self._keep_media(key, step, lambda: Text(text))

    def log_confusion_matrix(
        self,
        y_true: Any = None,
        y_pred: Any = None,
        labels: Sequence[Any] | None = None,
        *,
        matrix: Any = None,
        key: str = "confusion_matrix",
        step: int | None = None,
    ) -> None:
        """Keep a confusion matrix: of true and predicted classes, or a square `matrix` whose rows are the true classes."""
        from gitxp.current.media import ConfusionMatrix

        self._keep_media(key, step, lambda: ConfusionMatrix(y_true, y_pred, labels, matrix=matrix))

    def log_histogram(self, key: str, values: Any, bins: int = 64, step: int | None = None) -> None:
        """Keep a histogram of the finite numbers among the values."""
        from gitxp.current.media import Histogram

        self._keep_media(key, step, lambda: Histogram(values, num_bins=bins))

    def upload(self, name: str, value: Any) -> None:
        """Keep a file under this name, to which the file's suffix is added where it has none."""
        from gitxp.current.media import file_of

        def stage() -> None:
            media = file_of(value)
            path = name if os.path.splitext(name)[1] else name + media.suffix
            self._stage(path, media, name, None)

        self._attempt(name, stage)

    def save(self, pattern: Any, under: str = "", **_: Any) -> list[str]:
        """Keep the files that match a glob; their paths."""
        import glob

        found = sorted(glob.glob(os.fsdecode(pattern), recursive=True))
        for path in found:
            inside = os.path.relpath(path)
            name = os.path.basename(path) if inside.startswith("..") else inside
            self.log_artifact(path, f"{under}/{name}" if under else name)
        return found

    def keep_bytes(self, name: str, data: bytes, kind: str) -> None:
        """Keep a file of these bytes under this name, in the place of what it held before."""
        self._attempt(name, lambda: self._staging.add_bytes(name, data, kind))

    def say_params(self, params: Mapping[str, Any], source: str) -> None:
        """Say parameters, nested or by dotted names, that come from this source."""
        from gitxp.capture.secrets.redaction import redact_params
        from gitxp.current.settings import flat

        self._said.say_all("params", "params", redact_params(flat(params)), source=source)

    def alert(self, title: str, text: str = "", **_: Any) -> None:
        """Say something on stderr. Nobody is called: there is no server."""
        say(f"{self.name}: {title}{': ' if text else ''}{text}")

    def watch(self, *_: Any, **__: Any) -> None:
        """Nothing: gradients are not recorded. W&B's word, taken so that its scripts run."""

    def define_metric(self, *_: Any, **__: Any) -> None:
        """Nothing: minimum and maximum of each metric are kept anyhow. W&B's word, taken so that its scripts run."""

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run. A run of `gitxp run` ends when its command does, and as that did, whatever is said here."""
        del quiet
        self.end(exit_status(exit_code), None)

    stop = finish

    def settle(self) -> None:
        """Say what is known at the end only: settings that were changed in place, and how much was lost."""
        self.config.settle()
        lost, self._points.lost = self._points.lost, 0
        if lost:
            self.add_problem(f"{lost:,} metric values could not be kept.")
        unsaid, self._said.lost = self._said.lost, 0
        if unsaid:
            self.add_problem(f"{unsaid:,} statements could not be kept.")

    def renew(self) -> None:
        """In a forked child: files of its own, and no part in the run's end."""
        self._points.renew()
        self._said.renew()
        self._staging.renew()
        self.executed = None
        session, self._session = self._session, None
        if session is not None:
            session.forget()

    def end(self, exit_code: int | None, signal: int | None) -> None:
        """End the run, with an exit status or with the signal that ended it; with neither, nobody knows, and 0 is taken."""
        if self.is_finished:
            return
        if exit_code is None and signal is None and self._session is not None:
            self.add_problem(
                "The program ended by a SystemExit, whose number Python 3.11 does not tell; 0 is taken for it."
            )
        self.is_finished = True
        if self.executed is not None:
            self.executed.close()
        self.settle()
        self._points.close()
        self._said.close()
        session, self._session = self._session, None
        self.log = self._too_late
        self._points.folder = self._said.folder = self._staging.folder = NOWHERE
        if self.on_end is not None:
            self.on_end(self)
        if session is not None:
            try:
                _tell_end(session.name, session.end(exit_code, signal))
            except Exception as error:  # noqa: BLE001  (a mistake of ours must not stop a program that goes on)
                say(f"{session.name}: not finished: {type(error).__name__}: {error}")

    def _too_late(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        del data, step, commit
        if "late" not in self._told:
            self._told.add("late")
            say(f"{self.name}: the run is finished: what is logged now is not kept")

    def _special(self, key: str, value: Any, step: int) -> bool:
        """Keep what `log` got and is no number, if it is a file; whether it was."""
        if isinstance(value, str | bytes | int | float | None):
            return False
        from gitxp.current.media import media_of

        try:
            files = media_of(value)
        except Exception as error:  # noqa: BLE001  (somebody's figure or table; training goes on)
            self._tell(key, f"{key!r} could not be kept: {type(error).__name__}: {error}")
            return True
        for number, media in enumerate(files):
            name = f"{key}/{step}" if len(files) == 1 else f"{key}/{step}-{number}"
            self._attempt(key, partial(self._stage, f"media/{name}{media.suffix}", media, key, step))
        return bool(files)

    def _keep_media(self, key: str, step: int | None, make: Callable[[], Media]) -> None:
        at = self._points.step if step is None else step

        def stage() -> None:
            media = make()
            self._stage(f"media/{key}/{at}{media.suffix}", media, key, at)

        self._attempt(key, stage)

    def _stage(self, path: str, media: Media, key: str, step: int | None) -> None:
        data = media.data
        about = {"key": key, "step": step, "caption": redact_text(media.caption) if media.caption else None}
        if media.source is not None:
            self._staging.add_file(media.source, path, media.kind, **about)
        elif data is not None:
            self._staging.add_bytes(path, data, media.kind, **about)

    def _attempt(self, key: str, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            self._tell(key, f"{key!r} could not be kept: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001  (what drawing or encoding raises; training goes on)
            self._tell(key, f"{key!r} could not be kept: {type(error).__name__}: {error}")

    def _tell(self, key: str, sentence: str) -> None:
        """Tell once for each key, on stderr and in the record."""
        if key in self._told or len(self._told) >= _MAX_TOLD or not os.path.isdir(self.folder):
            return
        self._told.add(key)
        say(f"{self.name}: {sentence}")
        self.add_problem(f"{sentence[:1].upper()}{sentence[1:]}.", told=True)

    def add_problem(self, text: str, **more: Any) -> None:
        """Say a sentence about what is missing; with `told`, the user has read it."""
        self._said.say("problem", text=redact_text(text)[:1000], **more)

    def __getitem__(self, path: str) -> Field:
        from gitxp.current.fields import Field

        return Field(self, path)

    def __setitem__(self, path: str, value: Any) -> None:
        self[path].assign(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del traceback
        if isinstance(error, KeyboardInterrupt):
            self.end(None, _SIGINT)
        elif isinstance(error, SystemExit):
            self.end(exit_status(error.code), None)
        else:
            self.end(0 if kind is None else 1, None)

    def __repr__(self) -> str:
        return f"<ActiveRun {self.name or 'disabled'}>"


def exit_status(code: object) -> int:
    """The exit status that a process gets for what `sys.exit` was called with."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _tell_end(name: str, ending: Ending) -> None:
    for notice in ending.notices:
        say(notice)
    if ending.status is None:
        say(f"{name}: not finished: {ending.problem} What is there is kept, and the next gitxp command tries again.")
        return
    how = f" (signal {ending.signal})" if ending.signal else f" (exit {ending.exit_code})" if ending.exit_code else ""
    say(f"{name}: {ending.status}{how}" + (f" after {ending.duration:.1f} s" if ending.duration is not None else ""))


def say(line: str) -> None:
    """A line of gitxp's own on stderr; control characters are made visible."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)
    stream = sys.stderr
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(f"gitxp: {text}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        return  # nobody reads it; the program matters more
