"""Edits as values: their bytes, their names, the order in which they count, and what a stranger may have put in their place."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.annotations import (
    FIRST_NOTE,
    MAX_EDIT,
    MAX_EDITS,
    MAX_EDITS_SIZE,
    MAX_NOTE,
    MAX_TAG,
    MAX_TAGS,
    MAX_TITLE,
    Annotations,
    Edit,
    Note,
    decode_edit,
    decode_edits,
    edit_name,
    edit_path,
    encode_edit,
    find_edit_name,
    fold,
    next_clock,
)
from gitxp.errors import FormatError, UsageError
from run_factory import Factory, encode, make_record

if TYPE_CHECKING:
    from conftest import Gitxp
    from gitxp.repo import Repo

pytest_plugins = ("run_fixtures",)

AT, BY = "2026-01-02T03:04:05.000Z", "Ada <ada@example.org>"

# Letters that no tag may hold or begin with are left out; a lone surrogate is a byte that was no UTF-8.
lines = st.text(st.sampled_from("aé漢 b.'\udcff"), min_size=1, max_size=8).map(lambda text: f"x{text}x")
flags = st.sampled_from([None, True, False])
edits = st.builds(
    Edit,
    st.just(AT),
    st.just(BY),
    add_tags=st.lists(lines, max_size=3).map(tuple),
    remove_tags=st.lists(lines, max_size=3).map(tuple),
    note=st.none() | lines,
    remove_notes=st.lists(st.just(FIRST_NOTE), max_size=1).map(tuple),
    title=st.none() | st.just("") | lines,
    group=st.none() | st.just("") | lines,
    star=flags,
    archive=flags,
).filter(lambda edit: bool(edit.summary()))
names = st.builds(edit_name, st.integers(1, 5), st.binary(min_size=8, max_size=8))


def name(number: int) -> str:
    """An edit's id, sorted as its number is."""
    return edit_name(number, bytes(8))


def edit(**keys: Any) -> Edit:
    """An edit of Ada's."""
    return Edit(AT, BY, **keys)


def raw(**keys: Any) -> bytes:
    """The bytes of an edit that need not be sound; None takes a key away."""
    value = {"format": 1, "at": AT, "by": BY, "add_tags": ["x"], **keys}
    return json.dumps({key: item for key, item in value.items() if item is not None}).encode()


@given(edits)
def test_what_is_encoded_comes_back(said: Edit) -> None:
    """An edit is read as it was written, whatever it says, and its bytes are canonical JSON."""
    data = encode_edit(said)
    assert decode_edit(data) == said
    assert data == (json.dumps(json.loads(data), sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def test_bytes_of_an_edit() -> None:
    """docs/format.md's keys, and none for what was not said."""
    said = edit(add_tags=("good",), note="A\nB", star=True)
    assert json.loads(encode_edit(said)) == {
        "format": 1,
        "at": AT,
        "by": BY,
        "add_tags": ["good"],
        "note": "A\nB",
        "star": True,
    }


@given(st.dictionaries(names, edits, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_count(said: dict[str, Edit], random: Any) -> None:
    """Whoever has the same edits sees the same state, in whatever order they came."""
    start = Annotations(("base",), (Note(FIRST_NOTE, "hello"),), "title", "group")
    shuffled = list(said.items())
    random.shuffle(shuffled)
    assert fold(start, dict(shuffled)) == fold(start, said)
    files = {id_: encode_edit(one) for id_, one in shuffled}
    assert fold(start, decode_edits(files)[0]) == fold(start, said)


def test_the_later_edit_wins() -> None:
    """Of two titles the one with the greater name counts; an empty one takes it away; tags add up and go."""
    start = Annotations(("base", "old"), (Note(FIRST_NOTE, "hello"),), "first")
    state = fold(
        start,
        {
            name(3): edit(title="third", remove_tags=("new",), star=False),
            name(1): edit(title="second", add_tags=("new", "old"), note="n", group="g", star=True, archive=True),
            name(2): edit(remove_tags=("base",), remove_notes=(FIRST_NOTE,)),
            name(4): edit(group=""),
        },
    )
    assert (state.tags, state.title, state.group, state.starred, state.archived) == (("old",), "third", "", False, True)
    assert state.notes == (Note(name(1), "n", AT, BY),)


def test_an_edit_that_leaps_ahead_is_passed_over() -> None:
    """A stranger's edit with the greatest of all clocks does not have the last word for ever; a gap that a person left is none."""
    far, unread = name(10**10 - 1), name(5000)
    files: dict[str, bytes | FormatError] = {
        name(1): encode_edit(edit(title="first")),
        name(900): encode_edit(edit(title="second")),
        far: encode_edit(edit(title="for ever")),
        unread: FormatError("it is damaged"),
    }
    said, problems = decode_edits(files)
    assert (list(said), fold(Annotations(), said).title) == ([name(1), name(900)], "second")
    assert problems == (
        f"The annotation {unread} is passed over: it is damaged.",
        f"The annotation {far} is passed over: its number is far beyond those of all others.",
    )
    assert next_clock(files) == 901
    assert (next_clock([name(1001)]), next_clock([name(1000)])) == (1, 1001)


def test_a_tag_that_one_edit_takes_and_gives_is_there() -> None:
    """Within one edit, what is taken away goes first."""
    assert fold(Annotations(), {name(1): edit(add_tags=("x",), remove_tags=("x",))}).tags == ("x",)


def test_a_note_that_was_not_there_yet_stays() -> None:
    """Only an edit that comes later than a note can take it away."""
    assert fold(Annotations(), {name(1): edit(remove_notes=(name(2),)), name(2): edit(note="n")}).notes


def test_names() -> None:
    """Ten digits, thirteen letters of Crockford's base 32: sorted as bytes they are sorted by clock."""
    assert edit_name(3, bytes(8)) == "0000000003-0000000000000"
    assert edit_name(3, b"\xff" * 8) == "0000000003-fzzzzzzzzzzzz"
    assert edit_name(10**12, bytes(8)).startswith("9999999999-")
    assert next_clock([]) == 1
    assert next_clock([name(7), name(2)]) == 8
    assert find_edit_name(edit_path(name(1))) == name(1)


@pytest.mark.parametrize(
    "path",
    [
        ".gitxp/annotations/note.json",
        ".gitxp/annotations/0000000001-000000000000.json",  # one letter too few
        ".gitxp/annotations/0000000001-00000000000il.json",  # i and l are not of the alphabet
        ".gitxp/annotations/0000000001-000000000000A.json",
        ".gitxp/annotations/\u0660000000001-0000000000000.json",  # digits that are none of ASCII's
        ".gitxp/annotations/0000000001-0000000000000.json\n",
        ".gitxp/annotations/0000000001-0000000000000.txt",
        ".gitxp/annotations/deep/0000000001-0000000000000.json",
        ".gitxp/0000000001-0000000000000.json",
        "0000000001-0000000000000.json",
    ],
)
def test_what_is_no_name_of_an_edit(path: str) -> None:
    """Files with other names are nobody's edits."""
    assert find_edit_name(path) is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"add_tags": ("",)}, "cannot be a tag"),
        ({"add_tags": ("a,b",)}, "cannot be a tag"),
        ({"add_tags": ("-a",)}, "cannot be a tag"),
        ({"add_tags": (" a",)}, "cannot be a tag"),
        ({"add_tags": ("a\x1b[31m",)}, "cannot be a tag"),
        ({"remove_tags": ("x" * (MAX_TAG + 1),)}, "cannot be a tag"),
        ({"title": "a\nb"}, "is not one line"),
        ({"group": "x" * (MAX_TITLE + 1)}, "is not one line"),
        ({"title": "a\u200bb"}, "that can be seen"),
        ({"note": " \n"}, "is empty"),
        ({"note": "x" * (MAX_NOTE + 1)}, "65,537 characters"),
        ({}, "nothing to say"),
    ],
)
def test_what_no_edit_may_say(keys: dict[str, Any], words: str) -> None:
    """What could not be read or typed again is refused before it is written."""
    with pytest.raises(UsageError, match=words) as caught:
        encode_edit(edit(**keys))
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"format": 1, "at": ' + b"9" * 100_000 + b"}",
        raw(format=2),
        raw(format=True),
        raw(format="1"),
        raw(format=None),
        raw(at=None),
        raw(at="yesterday"),
        raw(at="20260101T00Z"),
        raw(at=5),
        raw(by=None),
        raw(by=["Ada"]),
    ],
    ids=str,
)
def test_what_is_no_edit_is_passed_over_with_a_sentence(data: bytes) -> None:
    """Another's damaged or newer edit hides none of the others."""
    found, problems = decode_edits({name(1): data, name(2): raw()})
    assert list(found) == [name(2)]
    (problem,) = problems
    assert problem.startswith(f"The annotation {name(1)} is passed over: ")


def test_parts_of_wrong_types_count_as_not_said() -> None:
    """An edit of a stranger's says what it says as the format has it, and nothing else."""
    wrong = {"note": 5, "title": ["t"], "group": None, "star": 1, "archive": "yes", "remove_tags": "abc"}
    said = decode_edit(raw(add_tags=[1, "", "x" * (MAX_TAG + 1), None, "good"], remove_notes={}, later="key", **wrong))
    assert said == edit(add_tags=("good",))
    assert decode_edit(raw(title="x" * (MAX_TITLE + 1), note="x" * (MAX_NOTE + 1))) == edit(add_tags=("x",))


def test_tags_are_bounded() -> None:
    """Nobody makes a run that has more tags than a table can bear."""
    files = {name(n): raw(add_tags=[f"{n}-{i}" for i in range(MAX_TAGS + 50)]) for n in range(1, 4)}
    assert len(fold(Annotations(), decode_edits(files)[0]).tags) == MAX_TAGS


def test_many_problems_are_few_sentences() -> None:
    """A folder of damage takes a few lines."""
    _, problems = decode_edits({name(n): b"" for n in range(1, 1001)})
    assert len(problems) == 21
    assert problems[-1] == "And 980 more annotations are passed over."


def test_every_field_is_said() -> None:
    """What an edit can say is in the words that the log of git has of it."""
    unsaid = {"at", "by"}
    values: dict[str, Any] = {"add_tags": ("a",), "remove_tags": ("b",), "remove_notes": ("c",), "note": "n"}
    values |= {"title": "t", "group": "g", "star": True, "archive": False}
    assert values.keys() == {field.name for field in fields(Edit)} - unsaid
    for key, value in values.items():
        assert edit(**{key: value}).summary(), key
    assert edit(**values).summary() == "+a -b title t group g note a note removed star no archive"
    assert replace(edit(), title="", group="").summary() == "no title no group"


@pytest.mark.filterwarnings("error")
def test_twenty_thousand_edits_are_a_run_all_the_same(factory: Factory, here: Repo) -> None:
    """More edits than people make: the first ones count, and that there are others is told."""
    files = {f".gitxp/annotations/{name(n)}.json": raw(title=str(n)) for n in range(1, 20_001)}
    factory.make("bomb", files=files)
    run = here.get("bomb")
    assert (run.problem, run.record["title"]) == (None, str(MAX_EDITS))
    assert here.history(run).annotations.problems[-1].endswith("a run has at most 10,000.")


def test_edits_are_bounded_in_bytes(factory: Factory, here: Repo) -> None:
    """A few megabytes that git keeps once do not become gigabytes: one blob may stand for thousands of edits."""
    one = raw(note="x" * 60_000, pad="y" * (MAX_EDIT - 61_000))
    files = {f".gitxp/annotations/{name(n)}.json": one for n in range(1, 301)}
    factory.make("bomb", files={**files, f".gitxp/annotations/{name(301)}.json": b" " * (MAX_EDIT + 1)})
    run = here.get("bomb")
    assert len(run.notes) == MAX_EDITS_SIZE // len(one)
    assert "at most 16,777,216 bytes" in here.history(run).annotations.problems[-1]


def test_one_edit_too_large_is_passed_over(factory: Factory, here: Repo) -> None:
    """The others count."""
    big = raw(title="big", pad="y" * MAX_EDIT)
    files = {f".gitxp/annotations/{name(n)}.json": data for n, data in ((1, raw(title="small")), (2, big))}
    factory.make("r", files=files)
    run = here.get("r")
    assert run.record["title"] == "small"
    assert name(2) in here.history(run).annotations.problems[0]


def test_what_lies_in_the_folder_and_is_no_edit(factory: Factory, here: Repo) -> None:
    """Folders, other names and a file where the folder should be leave a run as it is."""
    folder = ".gitxp/annotations"
    factory.make("other", files={f"{folder}/README": "hello", f"{folder}/{name(1)}.json/x": raw(title="no")})
    factory.make("file", files={folder: raw(title="no")})
    for text in ("other", "file"):
        run = here.get(text)
        assert (run.problem, run.record.get("title"), run.tags) == (None, None, ())
        assert here.history(run).annotations == Annotations()


def test_escape_sequences_of_strangers_are_neutral(factory: Factory, gitxp: Gitxp) -> None:
    """What another wrote into an edit cannot reach the terminal, in any of the commands that show it."""
    evil = "\x1b]0;owned\x07\u202egood"
    said = raw(add_tags=[evil], note=evil, title=evil, group=evil, by=evil)
    factory.make("r", files={f".gitxp/annotations/{name(1)}.json": said, f".gitxp/annotations/{name(2)}.json": evil})
    shown = [["list", "--columns", "title,group,tags,notes"], ["show", "r", "--history"], ["tag"]]
    shown += [
        ["list", "--csv"],
        ["list", "--md", "--columns", "title,tags"],
        ["show", "r", "--history", "--json"],
        ["tag", "--json"],
    ]
    for words in shown:
        answer = gitxp(*words, "--color=never")
        if "--csv" not in words:  # into a file goes what was recorded; a terminal gets it escaped
            assert "\x1b" not in answer.stdout + answer.stderr, words
            assert "\u202e" not in answer.stdout, words
        assert "good" in answer.stdout, words


def test_history_tells_what_was_passed_over(factory: Factory, gitxp: Gitxp) -> None:
    """A damaged edit is a line of the history, and a key of its JSON."""
    factory.make("r", files={f".gitxp/annotations/{name(1)}.json": b"{", f".gitxp/annotations/{name(2)}.json": raw()})
    assert f"annotation {name(1)}" in gitxp("show", "r", "--history", env={"COLUMNS": "200"}).stdout
    about = json.loads(gitxp("show", "r", "--history", "--json").stdout)
    assert [one["id"] for one in about["history"]] == [name(2)]
    assert len(about["passed_over"]) == 1


def test_a_record_cannot_say_what_edits_say(factory: Factory, here: Repo) -> None:
    """`starred`, `archived` and `history` of a record are nobody's: only edits give them."""
    factory.make(
        "r", raw=encode({**make_record("r"), "starred": True, "archived": True, "history": [1], "passed_over": []})
    )
    run = here.get("r")
    assert (run.starred, run.archived) == (False, False)
    assert not {"starred", "archived", "history", "passed_over"} & run.to_json().keys()
    assert [run.name for run in here.runs()] == ["r"]


def test_format_errors_are_of_one_kind() -> None:
    """Whoever decodes one edit has one exception to think of."""
    with pytest.raises(FormatError):
        decode_edit(b'{"format": 1}')
