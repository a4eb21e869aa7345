"""What a run keeps beside numbers, as values that `log` takes: `gitxp.log({"samples": gitxp.Image(array)})`.

Each class makes the bytes of its file when it is made, so that what is drawn on afterwards does not change what was
logged. The names are W&B's.
"""

from __future__ import annotations

import os

from gitxp.current import tables
from gitxp.current.pixels import figure_png, image_png
from gitxp.current.staging import files_below, kind_of
from gitxp.current.values import mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Media:
    """A file to be: its `kind`, the `suffix` of its name, and its bytes in `data`, or the path of a file in `source`."""

    kind = "file"
    suffix = ""
    data: bytes | None = None
    source: str | None = None
    caption: str | None = None

    def _take_path(self, path: Any) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        self.source = os.path.abspath(os.fsdecode(path))
        os.stat(self.source)
        self.suffix = os.path.splitext(self.source)[1]
        return True


class Image(Media):
    """An image: a path, a PIL image, a matplotlib figure, or an array of pixels (see `log_image`)."""

    kind, suffix = "image", ".png"

    def __init__(self, image: Any, caption: str | None = None, **_: Any) -> None:
        self.caption = caption
        if not self._take_path(image):
            self.data = image_png(image)


class Figure(Media):
    """A figure: matplotlib's as PNG, plotly's as its JSON."""

    kind, suffix = "figure", ".png"

    def __init__(self, figure: Any) -> None:
        if hasattr(figure, "to_plotly_json"):
            self.suffix = ".plotly.json"
            self.data = figure.to_json().encode()
        elif not self._take_path(figure):
            self.data = figure_png(figure)


class Table(Media):
    """A table: `Table(columns=[…], data=[[…], …])`, `Table(dataframe=df)`; rows may be added until it is logged."""

    kind, suffix = "table", ".table.json"

    def __init__(
        self, columns: Any = None, data: Any = None, rows: Any = None, dataframe: Any = None, **_: Any
    ) -> None:
        if data is None and rows is None and dataframe is None and hasattr(columns, "itertuples"):
            columns, dataframe = None, columns
        given: Any = next((thing for thing in (data, rows, dataframe) if thing is not None), [])
        self.columns, self.rows = tables.table(given, columns)

    def add_data(self, *row: Any) -> None:
        """Add one row: as many cells as there are columns."""
        self.rows += tables.table([row], self.columns)[1]

    @property
    def data(self) -> bytes | None:  # type: ignore[override]
        """The file's bytes."""
        return tables.table_json(self.columns, self.rows)


class Histogram(Media):
    """A histogram of a sequence of numbers in `num_bins` bins, or `np_histogram`: (counts, edges) made by numpy."""

    kind, suffix = "histogram", ".histogram.json"

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = 64) -> None:
        counts, edges = np_histogram if np_histogram is not None else tables.histogram(sequence, num_bins)
        self.data = tables.histogram_json(counts, edges)


class ConfusionMatrix(Media):
    """A confusion matrix: of true and predicted classes, or a square `matrix` whose rows are the true classes."""

    kind, suffix = "confusion_matrix", ".confusion.json"

    def __init__(
        self, y_true: Any = None, y_pred: Any = None, labels: Sequence[Any] | None = None, *, matrix: Any = None
    ) -> None:
        if matrix is None:
            matrix, labels = tables.count_pairs(y_true, y_pred, labels)
        self.data = tables.confusion_json(matrix, labels)


class Text(Media):
    """A text of any length."""

    kind, suffix = "text", ".txt"

    def __init__(self, text: Any) -> None:
        self.data = str(text).encode("utf-8", "backslashreplace")


class Html(Media):
    """A page: its text, an open file, or the path of one."""

    kind, suffix = "html", ".html"

    def __init__(self, data: Any, **_: Any) -> None:
        text = data.read() if hasattr(data, "read") else data
        is_path = isinstance(text, os.PathLike) or (isinstance(text, str) and text.endswith((".html", ".htm")))
        if not (is_path and self._take_path(text)):
            self.data = str(text).encode("utf-8", "backslashreplace")


class Audio(Media):
    """A recording: the path of its file."""

    kind = "audio"

    def __init__(self, path: Any, caption: str | None = None, **_: Any) -> None:
        self.caption = caption
        if not self._take_path(path):
            raise TypeError("Audio takes the path of a file: samples have to be encoded first")


class Video(Audio):
    """A film: the path of its file."""

    kind = "video"


class Artifact:
    """Files under one name, as W&B has them: `add_file`, `add_dir`, then `log_artifact`. `type` and versions mean nothing."""

    def __init__(self, name: str, type: str = "file", **_: Any) -> None:  # noqa: A002  (W&B's word)
        self.name = name
        self.type = type
        self.files: list[tuple[str, str]] = []

    def add_file(self, local_path: Any, name: str | None = None, **_: Any) -> None:
        """Add a file. Raises `OSError` where there is none."""
        path = os.path.abspath(os.fsdecode(local_path))
        os.stat(path)
        self.files.append((path, name or os.path.basename(path)))

    def add_dir(self, local_path: Any, name: str | None = None, **_: Any) -> None:
        """Add the files of a folder."""
        prefix = f"{name}/" if name else ""
        self.files += [
            (path, prefix + inside) for path, inside in files_below(os.path.abspath(os.fsdecode(local_path)))
        ]


def media_of(value: Any) -> list[Media]:
    """A value of `log` as files: our own classes, lists of them, figures, PIL images and data frames; else nothing.

    Whatever such an object raises while it is turned into a file, it raises here.
    """
    if isinstance(value, Media):
        return [value]
    if isinstance(value, list | tuple):
        return [item for item in value if isinstance(item, Media)]
    if hasattr(value, "to_plotly_json") or hasattr(value, "savefig"):
        return [Figure(value)]
    if hasattr(value, "itertuples") and hasattr(value, "columns"):
        return [Table(dataframe=value)]
    if hasattr(value, "convert") and hasattr(value, "save") and mapping(value) is None:
        return [Image(value)]
    return []


def file_of(value: Any) -> Media:
    """Anything that has a file's form: for `run["…"].upload(x)`. `TypeError` where it has none."""
    found = media_of(value)
    if found:
        return found[0]
    if isinstance(value, str | os.PathLike):
        media = Media()
        media.kind = kind_of(os.fsdecode(value))
        media._take_path(value)  # noqa: SLF001  (its own class's)
        return media
    return Image(value)
