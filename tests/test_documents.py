from __future__ import annotations

import contextlib
import json
import string
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.params.documents import DocumentError, decode_json, decode_toml, decode_yaml, flatten
from gitxp.format import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable


def test_alias_bomb() -> None:
    """Nine levels of nine aliases have 387 million values: they are refused after a few thousand."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    with pytest.raises(DocumentError, match="values"):
        list(flatten(decode_yaml(bomb.encode())))


def test_merge_bomb() -> None:
    """Merge keys that multiply at every level are refused."""
    bomb = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12))
    with pytest.raises(DocumentError, match="20,000 values"):
        decode_yaml(bomb.encode())


def test_merged_maps() -> None:
    """What a map has itself stands above what it merges, and of several the first, wherever the key stands."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 3, <<: [*a, *b]}\nd: {<<: *a, y: 4}\n"
    ours, theirs = decode_yaml(text.encode()), yaml.safe_load(text)
    assert ours == theirs
    assert ours["c"] == {"x": 3, "y": 1, "z": 2}


def test_yaml_words() -> None:
    """Merge keys, sets and unknown tags work; PyYAML's booleans, dates, octal and base-60 numbers stay what is written."""
    text = (
        "a: &a {x: 1}\nb: {<<: *a, y: !Custom z}\nc: yes\nd: 2026-01-02\ne: 1:30\nf: 017\ng: !!set {p, q}\nh: 0x1f\n"
        "on: {1: '1', 0x1: !!str 1}\ni:\nj: ~\nk: '~'\nl: 1e999\nm: !!int '5'\n"
    )
    assert dict(flatten(decode_yaml(text.encode()))) == {
        "a.x": 1,
        "b.x": 1,
        "b.y": "z",
        "c": "yes",
        "d": "2026-01-02",
        "e": "1:30",
        "f": 17,
        "g": ["p", "q"],
        "h": 31,
        "on.1": "1",
        "on.0x1": "1",
        "i": "null",
        "j": "null",
        "k": "~",
        "l": "1e999",
        "m": 5,
    }


@pytest.mark.parametrize(
    "tag", ["null", "bool", "int", "float", "timestamp", "binary", "omap", "pairs", "set", "seq", "map"]
)
@pytest.mark.parametrize("text", ["''", "foo", "[1]", "{a: 1}", "[[1]]", "{[a]: 1}"])
def test_tags_that_do_not_fit(tag: str, text: str) -> None:
    """A tag of a value that it does not fit is no crash: the value stays, or is refused in words."""
    said = ""
    try:
        list(flatten(decode_yaml(f"x: !!{tag} {text}".encode())))
    except DocumentError as error:
        said = error.problem
    assert said == ("it has a list or a map for a key" if text == "{[a]: 1}" else "")


_BYTES = st.binary(max_size=60) | st.text(alphabet="ab1:-[]{},&*!|>'\"#%@` \n\t?<~.=", max_size=60).map(str.encode)


@pytest.mark.parametrize("decode", [decode_json, decode_toml, decode_yaml])
@given(_BYTES)
def test_any_bytes(decode: Callable[[bytes], Any], data: bytes) -> None:
    """Whatever stands in a file, it gives values or one error in words, and never another exception."""
    said = "nothing"
    try:
        encode_json(dict(flatten(decode(data))))
    except DocumentError as error:
        said = str(error)
    assert said
    assert "\n" not in said


@given(_BYTES)
def test_with_and_without_libyaml(data: bytes) -> None:
    """PyYAML's two parsers give the same values, where both take the file."""
    found = []
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(DocumentError):
            patch.setattr(yaml, "CSafeLoader", loader)
            found.append(decode_yaml(data))
    assert found[:1] == found[1:] or len(found) < 2


def test_nothing_is_built_or_run() -> None:
    """A tag that asks for a Python object gives its plain arguments."""
    assert decode_yaml(b"a: !!python/object/apply:os.system ['false']") == {"a": ["false"]}


def test_numbers_that_json_cannot_hold() -> None:
    """The numbers nan and the infinities become docs/format.md's text, and whole numbers over 64 bits theirs."""
    found = dict(flatten({"a": float("nan"), "b": [float("-inf"), 1.5], "c": 2**64, "d": -(2**63), "e": {}, "f": []}))
    assert found == {"a": "nan", "b": ["-inf", 1.5], "c": str(2**64), "d": str(-(2**63)), "f": []}


_keys = st.text(string.ascii_letters, min_size=1, max_size=5)
_leaves = st.booleans() | st.integers(1 - 2**63, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _keys
_trees = st.dictionaries(
    _keys, st.recursive(_leaves, lambda inner: st.dictionaries(_keys, inner, min_size=1)), max_size=5
)


@given(_trees)
def test_same_from_yaml_and_json(tree: dict[str, Any]) -> None:
    """One document gives the same parameters, whether it is written as YAML or as JSON."""
    text = yaml.safe_dump(tree)
    assert list(flatten(decode_yaml(text.encode()))) == list(flatten(yaml.safe_load(text)))
    assert dict(flatten(json.loads(json.dumps(tree)))) == dict(flatten(tree))


def test_toml_values() -> None:
    """TOML's arrays of tables go by index, its dates are text, its nan has a name."""
    found = dict(flatten(tomllib.loads("a = nan\nb = 1979-05-27T07:32:00Z\n[[c]]\nd = 1\n[[c]]\nd = 2\n")))
    assert found == {"a": "nan", "b": "1979-05-27T07:32:00+00:00", "c.0.d": 1, "c.1.d": 2}
