from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from canaries import everything_in
from gitxp.capture.secrets.known import known_secrets
from gitxp.capture.secrets.needles import Needles, forms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Git, Gitxp

CANARY = "c4n/aRy+'\"\\ é&?"
WRITERS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "URL": lambda text: quote(text).encode(),
    "URL, all of it": lambda text: quote(text, safe="").encode(),
    "URL, small letters": lambda text: quote(text, safe="").lower().replace("c4n%2fary", "c4n%2faRy").encode(),
    "form": lambda text: quote_plus(text).encode(),
    "query": lambda text: urlencode({"a": text}).encode(),
    "encodeURIComponent": lambda text: quote(text, safe="!*'()").encode(),
    "encodeURI": lambda text: quote(text, safe=";/?:@&=+$,!*'()#").encode(),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON, UTF-8": lambda text: json.dumps([text], ensure_ascii=False).encode(),
    "JSON, slashes": lambda text: json.dumps([text]).replace("/", "\\/").encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)).encode(),
    "repr": lambda text: repr([text]).encode(),
    "repr, no quote escaped": lambda text: repr(text.replace('"', "x")).replace("x", '"').encode(),
    "ascii": lambda text: ascii(text).encode(),
    "repr of bytes": lambda text: repr(text.encode()).encode(),
}


@pytest.mark.parametrize("way", WRITERS)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "abcd"])
def test_ways_to_write(way: str, before: str) -> None:
    """A text is found however a program writes it, and wherever it begins."""
    data = before.encode() + WRITERS[way](CANARY) + b"end"
    assert Needles([CANARY.encode()]).are_in(data)


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64(before: int, after: int, encode: Callable[[bytes], bytes]) -> None:
    """In base64 a text is found, whatever stands before and after it: `user:password` of a header."""
    for text in (CANARY.encode(), b"abc123", b"\xfb\xff\xbe-six"):
        data = b"Basic " + encode(b"\xa7u:\0r\xff-"[:before] + text + b"\n\xee z"[:after])
        assert Needles([text]).are_in(data)
        assert Needles([b"other-text", text]).are_in(b"\0" + data)


def test_what_is_not_there() -> None:
    """Nothing is found where no whole form stands, nor where there is nothing to find."""
    needles = Needles([b"abcdefgh", b"short6"])
    for data in (b"", b"abc", b"abcdefg", b"bcdefgh" * 9, b"abcdefxabcdefg", b"short", b"abcd" * 1000):
        assert not needles.are_in(data)
        assert not Needles([]).are_in(data)
    assert needles.are_in(b"abcd" * 1000 + b"efgh")
    assert needles.are_in(b"xshort6")


def test_every_place() -> None:
    """At each place of each length of data, whole numbers of four bytes or not."""
    for size in range(7, 12):
        text = bytes(range(65, 65 + size))
        for before in range(9):
            for after in range(5):
                data = b"." * before + text + b"." * after
                assert Needles([text]).are_in(data)
                assert not Needles([text]).are_in(data.replace(b"E", b"e"))


def test_many_needles() -> None:
    """As many forms as there can be are found among a million bytes."""
    texts = [f"needle-{number:04}-{'xyz' * (number % 50)}".encode() for number in range(500)]
    needles = Needles(texts)
    data = b"needle-05" * 100_000
    assert not needles.are_in(data)
    assert needles.are_in(data + b"needle-0499-" + b"xyz" * 49)


def test_secrets_that_are_no_text() -> None:
    """A secret of bytes that are no UTF-8, or of half a pair of surrogates, is a secret like another."""
    found = known_secrets(["train", "--password", "pass\udcff-1"], [{"token": "half-\ud800-1"}], {})
    assert found
    assert Needles(found).are_in(b"x pass\xff-1")
    assert all(form for text in found for form in forms_of(text))


def test_a_file_with_a_coded_secret(repo: str, git: Git, gitxp: Gitxp) -> None:
    """What a run writes with a secret of its own in it, in whichever form, is listed and not kept."""
    Path(f"{repo}/.gitignore").write_text("out/\n")
    code = (
        "import os, sys, base64, json, urllib.parse as u; p = sys.argv[2]; os.mkdir('out')\n"
        "forms = [base64.b64encode(b'me:' + p.encode()), u.quote(p).encode(), p.encode('utf-16'), json.dumps(p).encode(),\n"
        "         repr(p).encode(), b'lr: 1']\n"
        "for n, form in enumerate(forms): open(f'out/{n}', 'wb').write(form)"
    )
    word = "c4n/aRy é'x\\"
    gitxp("run", "--name", "r", "--", sys.executable, "-c", code, "--password", word, cwd=repo)
    outputs: list[dict[str, Any]] = json.loads(git("show", "experiments/r:.gitxp/run.json", cwd=repo))["outputs"]
    assert [entry["stored"] for entry in outputs] == [False] * 5 + [True]
    everything = everything_in(git, repo)
    assert not Needles([word.encode()]).are_in(everything)
