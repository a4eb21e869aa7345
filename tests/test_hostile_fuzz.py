"""Whatever stands at whatever place of a record: every command that reads answers, and no terminal is acted on."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitxp.format import Oid, RefName
from gitxp.model import Comparison
from gitxp.names import RunName
from gitxp.query import compare, compare_data
from gitxp.query.compare_data import compare_outputs
from gitxp.render.comparison import render_json as render_comparison
from gitxp.render.comparison import render_section
from gitxp.render.page import render_page
from gitxp.render.runs import Wish, render_csv, render_json, render_markdown, render_table
from gitxp.store import runs as store
from run_factory import Factory, encode, make_record
from screen import READING, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.model import Run

pytest_plugins = ("run_fixtures",)

NASTY = ["", "\x1b[2J", "\x9b31m", "\u202eabc", "a\r\nb", "\udcff", "\0", "=1+1", "x" * 300, "日本" * 99, "\u0301" * 99]
NUMBERS = [0, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**307, 10**308, -0.5, 1e308, 5e-324]
TIMES = ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", "2026-01-01", "2026-01-01T00:00:60Z"]
RAW = ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 5000, "[" * 200 + "]" * 200]

texts = st.sampled_from(NASTY + TIMES) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
WHOLE: dict[str, Any] = {
    "base": "a" * 40,
    "branch": "main",
    "changes": {"modified": 1, "added": 0, "deleted": 0, "untracked": 2},
    "data": [
        {
            "path": "d",
            "kind": "folder",
            "size": 10,
            "files": 2,
            "xxh3_128": "0" * 32,
            "unreadable": 1,
            "manifest": True,
        },
        {"path": "e", "kind": "file", "size": 1, "modified": "2026-01-01T00:00:00.000Z", "source": "opened"},
        {"path": "f", "kind": "file", "size": 1, "dvc_md5": "m", "lfs_oid": "sha256:0", "changed": True},
    ],
    "dirty": True,
    "group": "g",
    "metrics": {"m": {"last": 0.5, "min": 0.25, "max": "nan", "count": 2, "step": 1}},
    "note": "n",
    "outputs": [
        {"path": "o", "size": 3, "xxh3_128": "1" * 32, "stored": False, "artifact": "@/o"},
        {"path": "i", "size": 3, "stored": True, "source": "api", "type": "image", "key": "k", "step": 1},
    ],
    "param_sources": {"lr": "argv"},
    "params": {"lr": 0.1, "layers": [1, 2]},
    "parent_run": "p",
    "problems": ["p"],
    "signal": None,
    "skipped": [{"path": "s", "reason": "r", "size": 1, "files": 3}],
    "snapshot": True,
    "summary": {"verdict": "v"},
    "submodules": [{"path": "m", "commit": "b" * 40, "dirty": True}],
    "tags": ["t"],
    "title": "t",
    "unknown": {"deep": [1]},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


ENVIRONMENT: dict[str, Any] = {
    "python": {"version": "3"},
    "memory": 8,
    "cpu": {"model": "c", "cores": 2},
    "packages": {"a": "1"},
    "imported": ["a"],
    "conda": {"name": "n", "packages": {"c": "1"}},
    "cuda": {"driver": "1"},
    "gpus": ["g"],
    "variables": {"RANK": "0"},
    "sources": {"a": {"url": "u"}},
}
SOUND = make_record("bad", 2, **WHOLE)
PLACES = sorted(places(SOUND), key=str)


def get(value: Any, path: tuple[Any, ...]) -> Any:
    """What is at a place of a value."""
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of the value with something else at that place; without the place, where `new` is DROP."""
    copy = json.loads(json.dumps(value))
    at = get(copy, path[:-1])
    if new is DROP:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return copy


DROP = object()
ODD: list[Any] = [
    *(DROP, None, True, False, [], {}, [None], [{}], {"": None}, {"\x1b[2J": "\x1b[2J"}, [["\x9b"]], {"a": {"b": [1]}}),
    *(*NASTY, *NUMBERS, *TIMES, 1.5),
]


def render_everything(run: Run, other: Run) -> Iterator[str]:
    """Every text that gitxp makes of a run for a terminal, and of it beside another run."""
    yield render_table([run, other], Wish(), width=60, now=0).text
    yield render_table([run, other], Wish(every=True), width=None, now=0).text
    yield render_markdown([run], Wish(every=True), now=0).text
    yield render_csv([run, other], Wish(), now=0, safe=True).text
    yield "".join(render_json([run]))
    if run.problem is None:
        yield render_page(run.to_json(), width=30, now=0)
        differences = {
            "params": compare.differences(run.params, other.params),
            "metrics": compare.differences(other.metrics, run.metrics),
            "data": compare_data._pairs(*(compare_data.by_path(one, "data") for one in (run, other))),
            "outputs": compare_outputs(other, run),
        }
        moved = compare_data._moved(differences["data"])
        comparison = Comparison(run, other, **differences, data_moved=moved)
        yield from (render_section(comparison, section, width=80) for section in differences)
        yield render_comparison(comparison, list(differences))


def make_run(record: Any) -> Run:
    """The run of a record."""
    data = json.dumps(record).encode()
    return store.make_run(RunName("x"), RefName("refs/experiments/x"), Oid("a" * 40), *store.decode_run(data))


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_any_value_at_any_place(path: tuple[Any, ...]) -> None:
    """Each place of a record, with each of many odd values, gives texts that a terminal may see, or a sentence."""
    good = make_run(SOUND)
    for odd in ODD:
        run = make_run(put(SOUND, path, odd))
        assert run.problem is None or visible(run.problem)
        for text in render_everything(run, good):
            assert visible(text), (odd, text)


def within_type(value: Any) -> st.SearchStrategy[Any]:
    """Odd values of the type that this one has."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, (int, float)):
        return st.sampled_from(NUMBERS)
    return texts if isinstance(value, str) else values


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A record with odd values of the right type at many places; now and then with anything at one of them."""
    record = SOUND
    for path in draw(st.lists(st.sampled_from(PLACES), max_size=12, unique=True)):
        with contextlib.suppress(KeyError, IndexError, TypeError):  # what was put there before has no such place
            value = get(record, path)
            if not isinstance(value, (dict, list)):
                record = put(record, path, draw(within_type(value)))
    for key in ("params", "metrics", "unknown"):
        item = get(WHOLE, (key, *list(WHOLE[key])[:1]))
        record = put(record, (key, draw(texts)), item) if draw(st.booleans()) else record
    if draw(st.integers(0, 3)) == 0:
        record = put(record, (draw(st.sampled_from(sorted(SOUND))),), draw(values))
    text = json.dumps(record)
    if draw(st.integers(0, 5)) == 0:
        text = text.replace("1", draw(st.sampled_from(RAW)), 1)
    return text.encode()


environments = st.tuples(st.sampled_from(sorted(places(ENVIRONMENT), key=str)), values).map(
    lambda edit: json.dumps(put(ENVIRONMENT, *edit)).encode()
)
lines = st.tuples(
    st.sampled_from([b"", b"\\", b"x"]),
    st.sampled_from([b"1" * 32, b"?" * 32, b"0" * 31, b""]),
    st.sampled_from([b"  ", b" @", b" "]),
    st.sampled_from([b"a", b"b", b"\x1b[2J", b"\xff", b"\\n\\\\", b"\xe2\x80\xae", b"\0", b"\r"])
    | st.binary(max_size=6),
    st.sampled_from([b"\n", b"\n", b"", b"\r\n"]),
).map(b"".join)
manifests = st.lists(lines, max_size=8).map(b"".join)
REFUSALS = {0, 9}  # all is well, or the record does not hold to the format


def visible(text: str, *, logs: bool = False) -> bool:
    """Whether a terminal may see it: lines of text, and in what was printed the colours, tabs and progress bars."""
    for harmless in ["\u00a0", "\u3000", *(["\x1b[31m", "\x1b[m", "\r", "\t"] if logs else [])]:
        text = text.replace(harmless, "")
    return all(line.isprintable() for line in text.split("\n"))


def test_any_record(factory: Factory) -> None:
    """Of a record with odd values at many places, each command makes an answer or one of gitxp's own errors."""
    good = json.loads(json.dumps(SOUND).replace("0" * 32, "5" * 32))
    manifest = b"%s  a\n%s  b\n" % (b"1" * 32, b"2" * 32)
    factory.make(
        "good", raw=encode(good), files={".gitxp/environment.json": encode(ENVIRONMENT), ".gitxp/data/d.txt": manifest}
    )

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(records(), environments, manifests, st.binary(max_size=20), st.sampled_from([30, 80, 200, None]))
    def check(record: bytes, environment: bytes, manifest: bytes, printed: bytes, width: int | None) -> None:
        output = b"\x1b[31mred\r\t\x1b[2J" + printed
        files = {
            ".gitxp/environment.json": environment,
            ".gitxp/output.log": output,
            ".gitxp/data/d.txt": manifest,
            ".gitxp/data/%1B[2J.txt": manifest,
        }
        factory.make("bad", raw=record, files=files)
        for args in READING:
            answer = ask(*args, width=width)
            assert answer.status in REFUSALS, (args, answer.err)
            assert "Traceback" not in answer.err
            assert args[0] != "list" or answer.status == 0, (args, answer.err)
            assert width is None or visible(answer.out.decode(), logs=args[0] == "logs"), (args, answer.out)
            assert visible(answer.err), (args, answer.err)
            if "--json" in args and answer.status == 0:
                json.loads(answer.out)
                assert visible(answer.out.decode())
        rows = {run["name"]: run for run in json.loads(ask("list", "--json").out)}
        assert rows.keys() == {"good", "bad"}
        assert rows["good"]["status"] == "completed"

    check()
