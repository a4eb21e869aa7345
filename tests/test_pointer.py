"""gitxp/pointer.py: the text that git has in place of a large object."""

from __future__ import annotations

import hashlib

import pytest

from gitxp.pointer import Pointer, decode_pointer, encode_pointer, read_pointer

DATA = bytes(range(256)) * 20_000
OID = hashlib.sha256(DATA).hexdigest()
POINTER = Pointer(OID, len(DATA))
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(DATA)}\n"


def test_the_text_of_a_pointer() -> None:
    """A pointer is three lines, and reads back as what it was."""
    assert encode_pointer(POINTER) == TEXT.encode()
    for size in (0, 7, 10**17):
        assert decode_pointer(encode_pointer(Pointer(OID, size))) == Pointer(OID, size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("\n", "\r\n"),
        TEXT.replace(OID, OID.upper()),
        TEXT.replace("v1", "v2"),
        TEXT.replace("size ", "size 0"),
        TEXT.replace("size ", "size +"),
        TEXT.replace("size ", "size -"),
        TEXT.replace(str(len(DATA)), "9" * 19),
        TEXT.replace(str(len(DATA)), "٣"),
        TEXT.replace("oid sha256:", "ext-0-x sha256:" + "b" * 64 + "\noid sha256:"),
        TEXT.replace("sha256:", "sha512:"),
        TEXT.replace(OID, OID[:-1]),
        TEXT + "x" * 1024,
    ],
)
def test_what_is_no_pointer(text: str) -> None:
    """Anything but exactly such a text is a file like others."""
    assert decode_pointer(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("oid sha256:", "ext-0-x sha256:" + "b" * 64 + "\noid sha256:"),
        TEXT.replace("\nsize", "\r\nsize"),
        TEXT + "x-note: of another client\n",
    ],
)
def test_pointers_of_others(text: str) -> None:
    """Which object is meant is read from pointers with other lines as well; but for ours, no content is put in their place."""
    assert read_pointer(text.encode()) == POINTER
    assert (decode_pointer(text.encode()) is None) == (text != TEXT)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(OID, "g" * 64),
        TEXT.replace("oid sha256", "oid md5"),
        TEXT.replace("size ", "sizes "),
        TEXT.replace("size ", "size -"),
        TEXT.replace("version", " version"),
        TEXT + "x" * 1024,
        "version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_what_means_no_object(text: str) -> None:
    """Without a version, an oid and a size of the known form it is a file like others."""
    assert read_pointer(text.encode()) is None
