"""TensorBoard's event files, without TensorBoard.

Each record is an Event (tensorflow/core/util/event.proto): the time, the step and a summary of values, each with a tag.
Scalars come as `simple_value` (PyTorch, tensorboardX, TensorFlow 1) or as a tensor of one number (TensorFlow 2, Keras,
JAX); images, histograms, texts and sounds likewise in an old form and in a tensor of a plugin; hyperparameters as the
plugin `hparams`. The plugin's name may come with a tag's first value only.

Decoding a message field by field takes 15 µs in Python, and there are millions. But the events of one tag are the
same bytes except for time, step and value: so where a value lies in an event of some length, and which tag the rest
of its bytes mean, is remembered (`_Layouts`), and all further ones take one look in a dictionary.
"""

from __future__ import annotations

import json
import math
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.capture.readers.found import MAX_METRICS, MAX_NAME, Artifact, artifact_path
from gitxp.capture.readers.protobuf import Message, WireError, unpack, varint
from gitxp.capture.readers.tfrecord import Records
from gitxp.format import encode_number
from gitxp.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.capture.readers.tfrecord import Record

MAX_TAGS = 1_000  # of images, histograms, texts and sounds
MAX_EACH = 100  # of one tag: the latest
_MAX_TEXT = 1 << 20
_MAX_BUCKETS = 1_000
_TIME, _STEP, _SUMMARY = b"\x09", 0x10, 0x2A
_HPARAMS_START = "_hparams_/session_start_info"
# TensorProto: struct's letter of each DataType's bytes in tensor_content, and the field of its *_val.
_TENSOR_CODES = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 19: "e", 22: "I", 23: "Q"}
_REAL_FIELDS = {1: (5, "f"), 2: (6, "d")}
_INTEGER_FIELDS = {3: 7, 4: 7, 5: 7, 6: 7, 9: 10, 10: 11, 14: 13, 17: 7, 19: 13, 22: 16, 23: 17}
_STRING, _BFLOAT16, _HALF = 7, 14, 19
_ENDINGS = {
    b"\x89PNG": (".png", "image"),
    b"\xff\xd8\xff": (".jpg", "image"),
    b"GIF8": (".gif", "image"),
    b"RIFF": (".wav", "audio"),
}


class _Item(NamedTuple):
    """One image, histogram, text or sound of a tag; `number` counts those of one event."""

    type: str
    step: int
    at: float
    number: int
    ending: str = ""
    data: bytes | None = None
    buckets: Sequence[tuple[float, float, float]] = ()
    start: int = 0
    size: int = 0


class EventFile:
    """The reader of one event file (found.Reader). `params` are the hyperparameters of its session."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[str] = []
        self._records = Records(path)
        self._reset()

    def _reset(self) -> None:
        self.series: dict[str, Series] = {}
        self.params: dict[str, Any] = {}
        self._items: dict[str, deque[_Item]] = {}
        self._plugins: dict[str, str] = {}
        self._layouts = _Layouts()
        self._strange = 0
        self._left_out: set[str] = set()

    def update(self) -> None:
        """Read the events that were written since the last time. Raises `OSError`."""
        file = self._records.open()
        if self._records.is_anew:
            self._reset()
        if file is not None:
            with file:
                for batch in self._records.read(file):
                    self._take(batch)
        self.problems = list(self._records.problems)
        if self._strange:
            self.problems.append(f"records that could not be understood: {self._strange:,}")
        for kind in sorted(self._left_out):
            self.problems.append(f"it has more {kind} than are kept")

    def artifacts(self, prefix: str) -> list[Artifact]:
        """The latest images, texts and sounds of each tag, and one file of histograms for each tag that has some."""
        found = []
        for tag, items in self._items.items():
            if items[0].type == "histogram":
                found.append(_histograms(prefix, tag, [item for item in items if item.type == "histogram"]))
                continue
            for item in items:
                place = f"/{item.step}" if not item.number else f"/{item.step}-{item.number}"
                path = artifact_path(prefix, tag + place, item.ending)
                key = f"{prefix}/{tag}" if prefix else tag
                found.append(Artifact(path, item.type, key, item.step, item.data, self.path, item.start, item.size))
        return found

    def _take(self, batch: list[Record]) -> None:
        scalars, places, unpack_time = self._layouts.tags, self._layouts.places, struct.Struct("<d").unpack_from
        for start, data in batch:
            # the way of nearly every record: time, step (absent for 0), summary
            if data[:1] == _TIME and len(data) > 13:
                at, step = 9, 0
                if data[9] == _STEP:
                    step, at = data[10], 11
                    if step > 0x7F:  # two or three bytes, or as many as there are
                        if data[11] < 0x80:
                            step, at = step & 0x7F | data[11] << 7, 12
                        elif data[12] < 0x80:
                            step, at = step & 0x7F | (data[11] & 0x7F) << 7 | data[12] << 14, 13
                        else:
                            step, at = _step(data)
                rest = len(data) - at
                for position, width, decode in places.get(rest, ()):
                    value_at = at + position
                    tag = scalars.get(data[at:value_at] + data[value_at + width :])
                    if tag is not None:
                        tag.append(step, unpack_time(data, 1)[0], decode(data, value_at)[0])
                        break
                else:
                    self._take_slowly(start, data, at)
                continue
            self._take_slowly(start, data, 0)

    def _take_slowly(self, start: int, data: bytes, summary_at: int) -> None:
        try:
            event = Message(data)
            at, step = event.real(1), event.integer(2)
            values = event.message(5).blobs.get(1, ())
            for blob in values:
                value = Message(blob)
                tag = value.text(1)
                number = self._take_value(start, data, tag, value, step, at)
                if number is not None and len(values) == 1 and summary_at and tag in self.series:
                    self._layouts.learn(data, summary_at, value, self.series[tag])
        except (WireError, struct.error, OverflowError):
            self._strange += 1

    def _take_value(self, start: int, data: bytes, tag: str, value: Message, step: int, at: float) -> float | None:
        """Keep one value of a summary; the number, if it is a scalar."""
        metadata = value.message(9).message(1) if 9 in value else None
        if metadata is not None:
            self._plugins[tag] = metadata.text(1)
        plugin = self._plugins.get(tag, "")
        if 2 in value:
            return self._add_scalar(tag, step, at, value.real(2))
        if plugin == "hparams":
            if tag == _HPARAMS_START and metadata is not None:
                self.params |= _hyperparameters(Message(metadata.blob(2)))
        elif 4 in value:  # Summary.Image
            self._add_files(start, data, tag, step, at, [value.message(4).blob(4)])
        elif 6 in value:  # Summary.Audio
            self._add_files(start, data, tag, step, at, [value.message(6).blob(4)])
        elif 5 in value:  # HistogramProto
            self._add(tag, _Item("histogram", step, at, 0, buckets=_old_buckets(value.message(5))))
        elif 8 in value:
            return self._take_tensor(start, data, tag, plugin, value.message(8), step, at)
        return None

    def _take_tensor(
        self, start: int, data: bytes, tag: str, plugin: str, tensor: Message, step: int, at: float
    ) -> float | None:
        kind = tensor.integer(1)
        if kind == _STRING:
            texts = tensor.blobs.get(8, [])
            if plugin == "text" and texts:
                words = b"\n\n".join(texts)[:_MAX_TEXT]
                self._add(tag, _Item("text", step, at, 0, ".txt", words, size=len(words)))
            elif plugin == "images":  # width, height, then the images
                self._add_files(start, data, tag, step, at, texts[2:])
            elif plugin == "audio":  # pairs of a sound and its label
                self._add_files(start, data, tag, step, at, [text for text in texts if text.startswith(b"RIFF")])
            return None
        if plugin not in {"", "scalars", "histograms"}:
            return None
        numbers = _numbers(tensor, kind)
        if plugin == "histograms":
            triples = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False)
            self._add(tag, _Item("histogram", step, at, 0, buckets=list(triples)[:_MAX_BUCKETS]))
        elif len(numbers) == 1:
            return self._add_scalar(tag, step, at, numbers[0])
        return None

    def _add_scalar(self, tag: str, step: int, at: float, value: float) -> float | None:
        series = self.series.get(tag)
        if series is None:
            if len(self.series) == MAX_METRICS or not tag or len(tag) > MAX_NAME:
                self._left_out.add("metrics, or longer names,")
                return None
            series = self.series[tag] = Series()
        series.append(step, at, value)
        return value

    def _add_files(self, start: int, data: bytes, tag: str, step: int, at: float, files: Sequence[bytes]) -> None:
        """Remember where in the event file these lie: they are read again when they are kept."""
        for number, file in enumerate(files[:MAX_EACH]):
            ending, kind = next((found for magic, found in _ENDINGS.items() if file.startswith(magic)), ("", ""))
            if kind:
                where = start + data.find(file)
                self._add(tag, _Item(kind, step, at, number, ending, start=where, size=len(file)))

    def _add(self, tag: str, item: _Item) -> None:
        items = self._items.get(tag)
        if items is None:
            if len(self._items) == MAX_TAGS or not tag or len(tag) > MAX_NAME:
                self._left_out.add("images, histograms or texts")
                return
            items = self._items[tag] = deque(maxlen=MAX_EACH)
        items.append(item)


Place = tuple[int, int, "Callable[[bytes, int], tuple[Any, ...]]"]
"""Where a value lies, counted from the summary, how many bytes it has, and how they are decoded."""


class _Layouts:
    """What was learnt of events with one scalar.

    `places` are those of values, by the length of what follows the step; `tags` are the series that events belong to, by
    an event's bytes after the step but for those of the value.
    """

    def __init__(self) -> None:
        self.places: dict[int, tuple[Place, ...]] = {}
        self.tags: dict[bytes, Series] = {}

    def learn(self, data: bytes, at: int, value: Message, series: Series) -> None:
        """Remember the shape of an event whose summary begins at `at` and is one scalar."""
        if data[at] != _SUMMARY or len(self.tags) > 2 * MAX_METRICS:
            return
        if 2 in value:
            code, raw = "f", value.blob(2)
        else:
            tensor = value.message(8)
            kind = tensor.integer(1)
            code = _TENSOR_CODES.get(kind, "")
            field = _REAL_FIELDS.get(kind, (4, ""))[0]
            raw = tensor.blob(4) or tensor.blob(field)
        # bytes that stand there twice could be those of the tag
        if not raw or not code or len(raw) != struct.calcsize(f"<{code}") or data.count(raw, at) != 1:
            return
        position = data.index(raw, at) - at
        rest = len(data) - at
        known = self.places.get(rest, ())
        if all((position, len(raw)) != place[:2] for place in known):
            if len(known) == 4:
                return
            self.places[rest] = (*known, (position, len(raw), struct.Struct(f"<{code}").unpack_from))
        self.tags[data[at : at + position] + data[at + position + len(raw) :]] = series


def _step(data: bytes) -> tuple[int, int]:
    """The step of more than three bytes that begins at byte 10, and where it ends. A damaged one ends nowhere."""
    try:
        step, at = varint(data, 10)
    except WireError:
        return 0, len(data)
    return (step, at) if step < 1 << 63 else (step - (1 << 64), at)


def _numbers(tensor: Message, kind: int) -> list[float]:
    """The numbers of a TensorProto; those that it leaves out because they repeat the last are left out here, too."""
    content = tensor.blob(4)
    if content and kind == _BFLOAT16:
        return [_from_bfloat16(int(bits)) for bits in unpack(content, "H")]
    if content:
        return unpack(content, _TENSOR_CODES[kind]) if kind in _TENSOR_CODES else []
    if kind in _REAL_FIELDS:
        return tensor.reals(*_REAL_FIELDS[kind])
    whole = tensor.integers(_INTEGER_FIELDS[kind]) if kind in _INTEGER_FIELDS else []
    return list(map({_HALF: _from_half, _BFLOAT16: _from_bfloat16}.get(kind, float), whole))


def _from_half(bits: int) -> float:
    return float(struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0])


def _from_bfloat16(bits: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", (bits & 0xFFFF) << 16))[0])


def _old_buckets(histogram: Message) -> list[tuple[float, float, float]]:
    """(left, right, count) of a HistogramProto, which has only right edges: the first left one is the minimum."""
    limits, counts = histogram.reals(6, "d"), histogram.reals(7, "d")
    lowest = histogram.real(1)
    buckets = []
    for number, (limit, count) in enumerate(zip(limits, counts, strict=False)):
        if count:
            left = max(limits[number - 1], lowest) if number else lowest
            buckets.append((left, max(left, min(limit, histogram.real(2))), count))
    return buckets[:_MAX_BUCKETS]


def _histograms(prefix: str, tag: str, items: Sequence[_Item]) -> Artifact:
    """All histograms of a tag as one JSON file: `{"steps": [{"step", "at", "buckets": [[left, right, count], …]}, …]}`."""
    steps = [
        {
            "step": item.step,
            "at": encode_number(item.at),
            "buckets": [[encode_number(edge) for edge in bucket] for bucket in item.buckets],
        }
        for item in items
    ]
    key = f"{prefix}/{tag}" if prefix else tag
    data = json.dumps({"steps": steps}).encode() + b"\n"
    return Artifact(artifact_path(prefix, tag, ".histogram.json"), "histogram", key, data=data, size=len(data))


def _hyperparameters(plugin: Message) -> dict[str, Any]:
    """The `hparams` of an HParamsPluginData's SessionStartInfo: a map of names to google.protobuf.Value."""
    found: dict[str, Any] = {}
    for entry in plugin.message(3).messages(1):
        name, value = entry.text(1), entry.message(2)
        if not name or len(name) > MAX_NAME:
            continue
        if 2 in value:
            number = value.real(2)
            if math.isfinite(number):
                found[name] = int(number) if number.is_integer() and abs(number) < 2**53 else number
        elif 3 in value:
            found[name] = value.text(3)
        elif 4 in value:
            found[name] = bool(value.integer(4))
    return found
