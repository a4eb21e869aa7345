"""What people say about a run afterwards: edits, each in a file of its own, and what they come to together.

An edit is never changed once it is written. So the edits of two people are the union of two folders, whichever way they
meet, and everybody who has the same files sees the same state: they are folded in the order of their names, which begin
with a Lamport clock (one more than the greatest that its writer had seen). docs/format.md has the grammar.

Edits are as untrusted as records: one that cannot be read, or a part of one that has no meaning, is passed over with a
sentence, and never hides the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gitxp.errors import FormatError, UsageError
from gitxp.format import FOLDER, FORMAT, decode_json, encode_json, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANNOTATIONS_FOLDER = f"{FOLDER}/annotations"
# An edit is a line or a page of text; a run has a few. What is beyond is damage or malice.
MAX_EDIT = 256 * 1024
MAX_EDITS = 10_000
MAX_EDITS_SIZE = 16 * 1024 * 1024  # of all edits of a run
MAX_NOTE, MAX_TITLE, MAX_TAG, MAX_TAGS = 64 * 1024, 500, 200, 1000
# The note that a run was started with, among the ids of notes.
FIRST_NOTE = "record"

_NAME = re.compile(r"([0-9]{10})-([0-9a-hjkmnp-tv-z]{13})\.json")
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_MAX_CLOCK = 10**10 - 1
_MAX_LEAP = 1000  # of clocks: nobody leaps at all, and somebody may have taken edits out
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that somebody said of a run. None: nothing about that; an empty title or group takes it away.

    `remove_notes` are ids of notes: the names of the edits that brought them, without `.json`, or `FIRST_NOTE`.
    """

    at: str
    by: str
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    note: str | None = None
    remove_notes: tuple[str, ...] = ()
    title: str | None = None
    group: str | None = None
    star: bool | None = None
    archive: bool | None = None

    def to_json(self, name: str) -> dict[str, Any]:
        """What `gitxp show --history --json` has of an edit of this id: its keys as they are stored, and the id."""
        return {"id": name, **_said(self)}

    def summary(self) -> str:
        """A few words for people: `+good -bad`, `note`, `star`."""
        words = [*(f"+{tag}" for tag in self.add_tags), *(f"-{tag}" for tag in self.remove_tags)]
        for name, value in (("title", self.title), ("group", self.group)):
            if value is not None:
                words.append(f"{name} {value}" if value else f"no {name}")
        if self.note is not None:
            words.append("note")
        if self.remove_notes:
            words.append("a note removed" if len(self.remove_notes) == 1 else f"{len(self.remove_notes)} notes removed")
        words += [word if value else f"no {word}" for word, value in _flags(self) if value is not None]
        return " ".join(words)


def _flags(edit: Edit) -> tuple[tuple[str, bool | None], ...]:
    return ("star", edit.star), ("archive", edit.archive)


@dataclass(frozen=True, slots=True)
class Note:
    """A note, who wrote it and when; both are empty for the one that the run was started with."""

    id: str
    text: str
    at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """What all edits of a run come to. `problems` are sentences about edits that could not be read."""

    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    title: str = ""
    group: str = ""
    starred: bool = False
    archived: bool = False
    problems: tuple[str, ...] = ()

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Annotations:
        """What the (checked) record says itself: the state before all edits."""
        note = record.get("note")
        notes = (Note(FIRST_NOTE, note),) if note else ()
        return cls(tuple(record.get("tags", ())), notes, record.get("title", ""), record.get("group", ""))


def edit_name(clock: int, random: bytes) -> str:
    """The id of an edit, from its clock and 8 random bytes: `0000000003-7k3q9zn2c1x8v`."""
    number = int.from_bytes(random[:8], "big")
    tail = "".join(_BASE32[number >> shift & 31] for shift in range(60, -1, -5))
    return f"{min(clock, _MAX_CLOCK):010d}-{tail}"


def edit_path(name: str) -> str:
    """Where an edit of this id lies in a run's tree."""
    return f"{ANNOTATIONS_FOLDER}/{name}.json"


def find_edit_name(path: str) -> str | None:
    """The id of the edit that lies at a path of a run's tree; None where none can."""
    folder, _, name = path.rpartition("/")
    return name.removesuffix(".json") if folder == ANNOTATIONS_FOLDER and _NAME.fullmatch(name) else None


def next_clock(names: Iterable[str]) -> int:
    """The clock of an edit whose writer has seen the edits of these ids."""
    return max((_clock_of(name) for name in names_that_count(names)), default=0) + 1


def names_that_count(names: Iterable[str]) -> list[str]:
    """Those of the ids, sorted, that are not far ahead of all before them.

    Such an edit would be the last for ever, whatever anybody says after it.
    """
    counting: list[str] = []
    last = 0
    for name in sorted(names):
        if _clock_of(name) <= last + _MAX_LEAP:
            counting.append(name)
            last = _clock_of(name)
    return counting


def _clock_of(name: str) -> int:
    return int(name[:10])


def encode_edit(edit: Edit) -> bytes:
    """The bytes of an edit's file. Raises `UsageError` for what no edit may say."""
    check_edit(edit)
    return encode_json({"format": FORMAT, **_said(edit)})


def _said(edit: Edit) -> dict[str, Any]:
    """The keys of an edit that say something."""
    value: dict[str, Any] = {"at": edit.at, "by": edit.by}
    for key in ("note", "title", "group", "star", "archive"):
        if (said := getattr(edit, key)) is not None:
            value[key] = said
    for key in ("add_tags", "remove_tags", "remove_notes"):
        if said := getattr(edit, key):
            value[key] = list(said)
    return value


def check_edit(edit: Edit) -> None:
    """`UsageError` where an edit says what none may: an empty tag, control characters in a name, too much."""
    for tag in (*edit.add_tags, *edit.remove_tags):
        check_tag(tag)
    for what, text in (("title", edit.title), ("group", edit.group)):
        if text is not None and (len(text) > MAX_TITLE or not _is_line(text)):
            raise UsageError(
                f"The {what} {text[:60]!r} is not one line of at most {MAX_TITLE} characters that can be seen.",
                hint=f"A {what} is one short line; long texts are notes: gitxp note RUN TEXT",
            )
    if edit.note is not None and not edit.note.strip():
        raise UsageError("The note is empty.", hint="Give its text, or take one away: gitxp note RUN --remove 1")
    if edit.note is not None and len(edit.note) > MAX_NOTE:
        raise UsageError(
            f"The note has {len(edit.note):,} characters, and {MAX_NOTE:,} are the most.",
            hint="Keep long texts in a file of the repository: it is in the snapshot of the next run.",
        )
    if not edit.summary():
        raise UsageError("There is nothing to say of the run.", hint="Say what is to change.")


def check_tag(tag: str) -> None:
    """`UsageError` where a text cannot be a tag."""
    if not tag or len(tag) > MAX_TAG or not _is_line(tag) or tag[0] in "+-" or tag != tag.strip() or "," in tag:
        raise UsageError(
            f"{tag[:60]!r} cannot be a tag.",
            hint=f"A tag is one line of at most {MAX_TAG} characters, without a comma, and does not begin with + or -.",
        )


def _is_line(text: str) -> bool:
    return all(c.isprintable() or "\udc80" <= c <= "\udcff" for c in text)


def decode_edit(data: bytes) -> Edit:
    """An edit from its file. Parts of a wrong type count as not said; `FormatError` where it is no edit at all."""
    value = decode_json(data)
    if not isinstance(value, dict):
        raise FormatError("it is no JSON object")
    found = value.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= FORMAT:
        raise FormatError(f"its format is not one that this gitxp reads (1 to {FORMAT})")
    at, by = value.get("at"), value.get("by")
    if not isinstance(at, str) or not isinstance(by, str):
        raise FormatError("it does not say who made it, and when")
    parse_time(at)
    texts = {key: _text(value.get(key), most) for key, most in _TEXTS.items()}
    lists = {key: _list(value.get(key)) for key in ("add_tags", "remove_tags", "remove_notes")}
    star, archive = (said if isinstance(said := value.get(key), bool) else None for key in ("star", "archive"))
    return Edit(at, by, **texts, **lists, star=star, archive=archive)


_TEXTS = {"note": MAX_NOTE, "title": MAX_TITLE, "group": MAX_TITLE}


def _text(value: Any, most: int) -> Any:
    return value if isinstance(value, str) and len(value) <= most else None


def _list(value: Any) -> Any:
    items = value if isinstance(value, list) else []
    return tuple(item for item in items[:MAX_TAGS] if isinstance(item, str) and 0 < len(item) <= MAX_TAG)


def decode_edits(files: Mapping[str, bytes | FormatError]) -> tuple[dict[str, Edit], tuple[str, ...]]:
    """The edits by id, in the order in which they count, and sentences about files that are none."""
    edits: dict[str, Edit] = {}
    problems: list[str] = []
    counting = set(names_that_count(name for name in files if find_edit_name(f"{ANNOTATIONS_FOLDER}/{name}.json")))
    for name in sorted(files):
        data = files[name]
        try:
            if isinstance(data, bytes) and name not in counting:
                raise FormatError("its number is far beyond those of all others")  # noqa: TRY301  (told like the others)
            edits[name] = decode_edit(data if isinstance(data, bytes) else _fail(data))
        except FormatError as error:
            problems.append(f"The annotation {name} is passed over: {error.message.rstrip('.')}.")
    if len(problems) > _MAX_PROBLEMS:
        more = len(problems) - _MAX_PROBLEMS
        problems[_MAX_PROBLEMS:] = [f"And {more:,} more annotations are passed over."]
    return edits, tuple(problems)


def _fail(error: FormatError) -> bytes:
    raise error


def fold(start: Annotations, edits: Mapping[str, Edit]) -> Annotations:
    """What edits (by id) make of the state that the record has."""
    tags = dict.fromkeys(start.tags)
    notes = {note.id: note for note in start.notes}
    state = start
    for name in sorted(edits):
        edit = edits[name]
        for tag in edit.remove_tags:
            tags.pop(tag, None)
        for tag in edit.add_tags:
            if len(tags) < MAX_TAGS:
                tags.setdefault(tag)
        for gone in edit.remove_notes:
            notes.pop(gone, None)
        if edit.note:
            notes[name] = Note(name, edit.note, edit.at, edit.by)
        state = replace(
            state,
            title=state.title if edit.title is None else edit.title,
            group=state.group if edit.group is None else edit.group,
            starred=state.starred if edit.star is None else edit.star,
            archived=state.archived if edit.archive is None else edit.archive,
        )
    return replace(state, tags=tuple(tags), notes=tuple(notes.values()))
