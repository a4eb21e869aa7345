from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.render.output import visible_output
from gitxp.render.safe import visible

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ascii", "plain ascii"),
        ("日本語 café 🙂", "日本語 café 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028break", "line\\u2028break"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("blank\u3164name", "blank\\u3164name"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("lone\ud800", "lone\\ud800"),
        ("no-break\u00a0and\u3000wide", "no-break\u00a0and\u3000wide"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """What could act on a terminal or hide in it is written as an escape; what can be read stays."""
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_nothing_harmful_is_left(text: str) -> None:
    """Of no text does a control, format, surrogate, private or unassigned character reach the terminal."""
    assert not {unicodedata.category(c) for c in visible(text)} & HARMFUL


def test_kept_characters() -> None:
    """Only what the caller names may pass as it is."""
    assert visible("a\nb\tc\x1b", keep="\n") == "a\nb\\tc\\x1b"


def shown(*chunks: bytes, color: bool = True) -> bytes:
    """What a terminal gets of output that came in these pieces."""
    return b"".join(visible_output(chunks, color=color))


def test_output_keeps_colours_and_progress_bars() -> None:
    """Colours, tabs, newlines and carriage returns of a log pass; a terminal that was painted is reset at the end."""
    assert shown(b"\x1b[1;31mred\x1b[0m\t1%\r2%\n") == b"\x1b[1;31mred\x1b[0m\t1%\r2%\n\x1b[m"
    assert shown(b"\x1b[31mred\x1b[0m\n", color=False) == b"red\n"
    assert shown(b"plain\n") == b"plain\n"


def test_output_shows_what_is_no_colour() -> None:
    """Titles, cursor movements, clipboard writes and bytes that are no UTF-8 are shown, not obeyed."""
    assert shown(b"\x1b]0;title\x07\x1b[2J\x1b[H\xff") == b"\\x1b]0;title\\x07\\x1b[2J\\x1b[H\\xff"


@given(
    st.lists(st.sampled_from([b"\x1b[", b"31", b"m", b"\x1b", b"a", "é🙂".encode(), b"\xf0\x9f", b"\n", b";"])),
    st.data(),
)
def test_output_does_not_depend_on_how_it_was_cut(parts: list[bytes], data: st.DataObject) -> None:
    """A log shows the same, however it arrives in pieces."""
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert shown(*pieces) == shown(whole)
