from __future__ import annotations

import os
import tempfile
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from gitxp.recording.output import OutputLog, OutputReader, join

LIMIT = 64
MARK = b"\n[gitxp: a part of the output is left out here: see docs/format.md]\n"
pieces = st.lists(st.binary(min_size=1, max_size=LIMIT // 4), max_size=40)


def _joined(path: str) -> tuple[bytes, bool]:
    whole, is_cut = join(path)
    assert whole is not None
    with open(whole, "rb") as file:
        return file.read(), is_cut


def _read(reader: OutputReader) -> bytes:
    return b"".join(iter(reader.read, b""))


@given(pieces)
def test_what_is_kept_of_a_long_output(written: list[bytes]) -> None:
    """All of it, or its beginning and its end with a line between them that says so: and then only."""
    with tempfile.TemporaryDirectory() as folder:
        log = OutputLog(os.path.join(folder, "log"), LIMIT)
        for piece in written:
            log.write(piece)
        printed = b"".join(written)
        kept, is_cut = _joined(log.path)
        if is_cut:
            head, tail = kept[: LIMIT // 2], kept[LIMIT // 2 + len(MARK) :]
            assert (head, kept[LIMIT // 2 :][: len(MARK)]) == (printed[: LIMIT // 2], MARK)
            assert printed.endswith(tail)
            assert len(tail) <= LIMIT // 2
            assert len(head) + len(tail) < len(printed)
        else:
            assert kept == printed
        assert log.problem is None


@given(pieces)
def test_who_follows_gets_it_all(written: list[bytes]) -> None:
    """A reader that keeps up gets every byte, however little of the output is kept in the end."""
    with tempfile.TemporaryDirectory() as folder:
        log = OutputLog(os.path.join(folder, "log"), LIMIT)
        with closing(OutputReader(log.path)) as reader:
            seen = b""
            for piece in written:
                log.write(piece)
                seen += _read(reader)
        assert seen == b"".join(written)


@given(pieces)
def test_who_comes_late_gets_what_is_kept(written: list[bytes]) -> None:
    """A reader that begins at the end of a long output gets what the log is joined to."""
    with tempfile.TemporaryDirectory() as folder:
        log = OutputLog(os.path.join(folder, "log"), LIMIT)
        for piece in written:
            log.write(piece)
        with closing(OutputReader(log.path)) as reader:
            assert _read(reader) == _joined(log.path)[0]


def test_a_log_that_goes_away_while_it_is_followed() -> None:
    """When the run is finished its files go; what was open is read to its end."""
    with tempfile.TemporaryDirectory() as folder:
        log = OutputLog(os.path.join(folder, "log"), LIMIT)
        log.write(b"a" * (LIMIT // 2))
        log.write(b"b" * 8)
        with closing(OutputReader(log.path)) as reader:
            assert reader.read() == b"a" * (LIMIT // 2)
            assert reader.read() == b"b" * 8
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            log.write(b"c")
            assert _read(reader) == b"c"
