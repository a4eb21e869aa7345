from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitxp.capture.params.command import from_command, from_options
from gitxp.capture.params.documents import decode_yaml, flatten
from gitxp.capture.params.scalars import scalar, value
from gitxp.format import encode_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        ("+5", 5),
        ("0.1", 0.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-4", 1e-4),
        ("1E4", 1e4),
        ("-2.5e+3", -2500.0),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        (".inf", "inf"),
        ("-.Inf", "-inf"),
        ("+.INF", "inf"),
        (".iNf", ".iNf"),
        (".NaN", "nan"),
        ("-.nan", "-.nan"),
        ("nan", "nan"),
        ("yes", "yes"),
        ("off", "off"),
        ("null", "null"),
        ("Null", "null"),
        ("~", "null"),
        ("nULL", "nULL"),
        ("", ""),
        ("1:30", "1:30"),
        ("0x1f", 31),
        ("0xFF", 255),
        ("-0x1f", "-0x1f"),
        ("0x", "0x"),
        ("0xg", "0xg"),
        ("0X1f", "0X1f"),
        ("0o17", 15),
        ("0o8", "0o8"),
        ("0b11", "0b11"),
        ("017", 17),
        ("010", 10),
        ("-007", -7),
        ("08.5", 8.5),
        ("1_000", "1_000"),
        ("1_0.5", "1_0.5"),
        ("2026-01-02", "2026-01-02"),
        ("1e999", "1e999"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0xffffffffffffffff", "0xffffffffffffffff"),
        ("9" * 5000, "9" * 5000),
        ("1-2", "1-2"),
        ("e5", "e5"),
        ("-", "-"),
        ("-.", "-."),
        (".", "."),
        ("--1", "--1"),
        ("٣", "٣"),
        (" 1", " 1"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalar(text: str, expected: object) -> None:
    """A word is what YAML 1.2's core schema says, and what a record cannot hold is text."""
    assert scalar(text) == expected
    assert type(scalar(text)) is type(expected)


@given(st.integers(1 - 2**63, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_scalar_round_trip(thing: float) -> None:
    """Whatever Python or YAML prints for a number or a boolean is read back equal and of the same type."""
    text = str(thing).lower()
    assert scalar(text) == thing
    assert type(scalar(text)) is type(thing)


@given(st.text())
def test_scalar_is_total(text: str) -> None:
    """Any text has a value that canonical JSON can hold, and what is no number or boolean stays as it is."""
    thing = value(text)
    encode_json(thing)
    if isinstance(thing, str) and thing not in {"nan", "inf", "-inf", "null"}:
        assert thing == text


# The core schema of YAML 1.2.2, as section 10.3.2 writes it.
CORE = {
    type(None): r"null|Null|NULL|~",
    bool: r"true|True|TRUE|false|False|FALSE",
    int: r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    float: r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
}
_WORDS = st.text(alphabet="0123456789+-.eExXoOabfFnNuUlLtTrRsSiI~_:", max_size=12) | st.one_of(
    *(st.from_regex(pattern, fullmatch=True) for pattern in CORE.values())
)


@given(_WORDS)
@example("0x10")
@example("0o17")
@example("1_000")
@example("1e-3")
@example(".5")
@example("+1")
@example("~")
@example("null")
@example("yes")
@example("on")
@example("2024-01-01")
@example("1:30")
@example("010")
@example("")
def test_one_rule(text: str) -> None:
    """A word is the same on the command line, in an override, behind --param and in a YAML file: what the core schema says."""
    thing = scalar(text)
    kind = next((kind for kind, pattern in CORE.items() if re.fullmatch(pattern, text)), str)
    if isinstance(thing, str):  # what a record cannot hold, too
        assert thing == text or (thing, kind) in {("null", type(None)), ("nan", float), ("inf", float), ("-inf", float)}
    else:
        assert type(thing) is kind
    assert from_options([f"x={text}"]) == {"x": thing}
    assert from_command(["t", f"x={text}"], "/")[0] == {"x": thing}
    assert from_command(["t", f"--x={text}"], "/")[0] == {"x": thing}
    if text and not text.endswith(":") and text[0] != ":" and text not in {"-", "---", "..."}:
        assert dict(flatten(decode_yaml(f"x: {text}".encode()))) == {"x": thing}
        assert dict(flatten(decode_yaml(f"x: [{text}]".encode()))) == {"x": [thing]}


@example("0:?")
@given(st.text(alphabet="ab01 ,:-#&*!|>%@`?[]{}'\"\\~\t\x85.", max_size=10))
def test_a_list_is_yamls(inside: str) -> None:
    """What is read as a list on the command line is the same list in a YAML file, or stays text."""
    thing = value(f"[{inside}]")
    if isinstance(thing, list):
        assert dict(flatten(decode_yaml(f"x: [{inside}]".encode()))) == {"x": thing}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[64,32]", [64, 32]),
        ("[a, 0.5, true]", ["a", 0.5, True]),
        ("[]", []),
        ("[1,]", [1]),
        ("[,]", "[,]"),
        ("[~, 0x10]", ["null", 16]),
        ("[a b, user@host, 1:30]", ["a b", "user@host", "1:30"]),
        ("[a: b]", "[a: b]"),
        ("[a\tb]", "[a\tb]"),
        ("[[1],[2]]", "[[1],[2]]"),
        ("['a']", "['a']"),
        ("[", "["),
        ("{a:1}", "{a:1}"),
    ],
)
def test_flow_list(text: str, expected: object) -> None:
    """`[64,32]` is a list of scalars; anything that needs a real parser stays text."""
    assert value(text) == expected
