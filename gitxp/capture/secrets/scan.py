"""Likely secrets in a file's text, by line: what a person is shown before the file leaves the machine.

Tokens of known services, private keys, passwords in addresses, webhooks, authorization headers, and values given to names
of secrets, by gitxp's own shapes; and by detect-secrets where that is installed (secret_plugins.py). A line with the
comment `gitxp: allow-secret` or `pragma: allowlist secret` is passed over; that is for people, and no defense.

A file may be hostile, and one line may be all of it. So only pieces in which something smells of a secret are looked at
with `re`, none is longer than a few thousand characters, and each expression is bounded: the time is linear.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.secrets.names import is_secret
from gitxp.capture.secrets.shapes import IN_ADDRESSES, REDACTED, WEBHOOKS, find_tokens, redact_line
from gitxp.capture.secrets.values import is_given, is_opaque, is_password_of_address, is_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BINARY = 8192  # bytes in which git, too, looks for a NUL
_PIECE, _OVERLAP = 2000, 500  # characters
_SHOWN = 40  # characters before a secret that are shown with it
_NEAR = 500  # characters around a finding in which a comment allows it, on its own line
_HINTS = (
    "key token secret passw passphrase passcode pwd _pass cred auth bearer cookie jwt :// akia asia ghp_ gho_ ghu_ ghs_ ghr_ "
    "github_pat_ glpat- sk- k_live_ k_test_ hf_ npm_ pypi- dckr_pat_ xox aiza sg. gsk_ nvapi- xai- pplx- r8_ tgp_v1_ "
    "dop_v1_ lsv2_ eyj hooks. webhook".split()
)
_ALLOWED = re.compile(r"gitxp:\s?allow-secret|pragma:\s?(?:allow|white)list[ -]secret", re.IGNORECASE)
_ALLOWED_NEXT = re.compile(r"pragma:\s?(?:allow|white)list[ -]nextline[ -]secret", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BYTES = re.compile(r"[A-Za-z0-9+/]{40}")
_KEY_ROOM = 4000  # characters after its first line that are taken for the key: there may be headers before it
_ADDRESS = re.compile(
    r"""(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://([^\s/?\#"'<>@:]{0,100}):([^\s/?\#"'<>@]{1,300})@([^\s/?\#"'<>:\\,]{1,200})"""
)
_QUERY = re.compile(r"""[?&]([A-Za-z][\w.%-]{0,60})=([\w.~%+/=-]{12,2000})""")
_HEADER = re.compile(
    r"""(?<![\w-])((?:proxy-)?authorization|x-[\w-]{0,40}(?:key|token|auth|secret))["']?\s{0,5}[:=,]\s{0,5}["']?
    (?:(?:bearer|basic|token|digest)\s{1,5})?([\w.~+/=:-]{16,1000})""",
    re.VERBOSE | re.IGNORECASE,
)
_BEARER = re.compile(r"(?<![\w-])[Bb]earer\s{1,5}([\w.~+/=-]{16,1000})")
# In code only what stands in quotes is a value; in a notebook or another JSON, code stands in quotes that are escaped.
_LITERAL = re.compile(
    r"""(?<![\w.-])(?:--)?([A-Za-z_][\w.-]{0,80})(?:\\{0,3}["'])?\]?(?:\s{0,5}:\s{0,5}\w{1,20})?\s{0,20}(:=|=>|=|:|,)\s{0,20}
    [rbuf]?(\\{0,3}["'])([^"'\\\s]{6,1000})\3""",
    re.VERBOSE,
)
_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]{0,80})>([^<>\s]{6,1000})</")
_BARE = re.compile(
    r"""(?:^|[\s;&])(?:-D|--)?([A-Za-z_][\w.-]{0,80})(?:=|:[ ]{1,20}|[ ]{1,20}[:=][ ]{0,20})([^\s"',;]{6,1000})(?=[\s,;]|$)"""
)
_OPTION = re.compile(r"""(?<![\w-])--([A-Za-z][\w.-]{0,80})[ ]{1,20}([^\s"',;-][^\s"',;]{5,1000})(?=[\s,;]|$)""")
_CODE = frozenset(
    ".py .pyi .pyx .ipynb .js .mjs .cjs .jsx .ts .tsx .c .h .cc .cpp .cxx .hpp .cu .cuh .java .kt .scala .go .rs .rb .php .cs "
    ".swift .m .mm .r .jl .lua .pl .pm .dart .ex .exs .erl .hs .ml .fs .vue .svelte .html .css .scss .sql .proto .json .jsonl "
    ".svg .map .lock".split()
)


class Finding(NamedTuple):
    """A likely secret: its line (from 1), what it looks like (`GitHub token`), and the line up to it, without any secret.

    The excerpt holds whatever a file may hold: make it visible before a terminal sees it.
    """

    line: int
    kind: str
    excerpt: str


class _Span(NamedTuple):
    start: int
    rank: int  # of two that begin at one place, the lower is told
    end: int
    kind: str


class _Piece(NamedTuple):
    start: int
    end: int
    next: int  # where the next one starts; what starts there or later is found in that, whole


def scan(data: bytes, path: str) -> Iterator[Finding]:
    """The likely secrets of one file, in the order of its text; none where it is binary. `path` says whether it is code."""
    if b"\0" in data[:_BINARY]:
        return
    text = data.decode("utf-8", "replace")
    starts = _line_starts(text)
    spans = sorted(_spans(text, data.lower().decode("utf-8", "replace"), starts, path))
    allowed = _allowed_lines(text, starts)
    covered = 0
    for at, span in enumerate(spans):
        line = bisect_right(starts, span.start) - 1
        if span.start >= covered and not _is_allowed(text, span, line, starts, allowed):
            yield Finding(line + 1, span.kind, _excerpt(text, spans, at, starts[line]))
        covered = max(covered, span.end)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def _spans(text: str, lower: str, starts: list[int], path: str) -> Iterator[_Span]:
    from gitxp.capture.secrets.plugins import find_known

    yield from _private_keys(text)
    is_code = os.path.splitext(path)[1].lower() in _CODE
    pieces = _pieces(starts, len(text))
    for number in sorted(_smelling(lower, [piece.start for piece in pieces])):
        piece = pieces[number]
        for kind, first, after in _found(text[piece.start : piece.end], is_code=is_code):
            if piece.start + first < piece.next:
                yield _Span(piece.start + first, 0, piece.start + after, kind)
    for piece in _joined(pieces):
        for kind, first, after in find_known(text[piece.start : piece.end]):
            if piece.start + first < piece.next:
                yield _Span(piece.start + first, 1, piece.start + after, kind)


def _pieces(starts: list[int], length: int) -> list[_Piece]:
    """Lines, and long ones in pieces that overlap."""
    pieces = []
    for line, after in pairwise([*starts, length + 1]):
        start, end = line, after - 1
        while end - start > _PIECE + _OVERLAP:
            pieces.append(_Piece(start, start + _PIECE + _OVERLAP, start + _PIECE))
            start += _PIECE
        pieces.append(_Piece(start, end, after))
    return pieces


def _joined(pieces: list[_Piece]) -> Iterator[_Piece]:
    """Short lines together, as many as make a piece: what looks at each has fewer of them to look at."""
    whole: _Piece | None = None
    for piece in pieces:
        if whole is not None and piece.end - whole.start <= _PIECE:
            whole = _Piece(whole.start, piece.end, piece.next)
            continue
        if whole is not None:
            yield whole
        whole = piece
    if whole is not None:
        yield whole


def _smelling(lower: str, begins: list[int]) -> set[int]:
    """The numbers of the pieces in which a hint stands."""
    found: set[int] = set()
    for hint in _HINTS:
        at = lower.find(hint)
        while at >= 0:
            number = bisect_right(begins, at) - 1
            found.add(number)
            if number + 1 == len(begins):
                break
            at = lower.find(hint, begins[number + 1])
    return found


def _found(piece: str, *, is_code: bool) -> Iterator[tuple[str, int, int]]:
    """Kind, beginning and end of what a piece of a line holds."""
    for kind, start, end in find_tokens(piece):
        if is_token(piece, start, end):
            yield kind, start, end
    for match in WEBHOOKS.finditer(piece):
        if is_opaque(match[0][len(match[1]) :].replace("/", "")):
            yield "webhook", match.end(1), match.end()
    yield from _in_addresses(piece)
    yield from _in_headers(piece)
    yield from _given(piece, _LITERAL, 4)
    if not is_code:
        yield from _given(piece, _ELEMENT, 2)
        yield from _given(piece, _BARE, 2)
        yield from _given(piece, _OPTION, 2)


def _in_addresses(piece: str) -> Iterator[tuple[str, int, int]]:
    for match in _ADDRESS.finditer(piece):
        if is_password_of_address(match[1], match[2], match[3]):
            yield "password in an address", match.start(2), match.end(2)
    for match in _QUERY.finditer(piece):
        if (match[1].lower() in IN_ADDRESSES or is_secret(match[1], match[2])) and is_opaque(match[2]):
            yield "token in an address", match.start(2), match.end(2)


def _in_headers(piece: str) -> Iterator[tuple[str, int, int]]:
    for pattern in (_HEADER, _BEARER):
        for match in pattern.finditer(piece):
            group = pattern.groups
            if is_opaque(match[group]):
                yield "authorization header", match.start(group), match.end(group)


def _given(piece: str, pattern: re.Pattern[str], group: int) -> Iterator[tuple[str, int, int]]:
    """Values of names. Matches may overlap: in `f("a", "b", "c")` each may be the value of the one before."""
    match = pattern.search(piece)
    while match:
        is_argument = group == 4 and match[2] == ","  # setenv("API_KEY", "…"), but also Moved("Password", "urllib2")
        if is_given(match[1], match[group]) and (not is_argument or is_opaque(match[group])):
            yield "secret value", match.start(group), match.end(group)
        match = pattern.search(piece, match.end(1))


def _private_keys(text: str) -> Iterator[_Span]:
    for match in _PRIVATE_KEY.finditer(text):
        room = text[match.end() : match.end() + _KEY_ROOM].partition("-----END")[0]
        for found in _KEY_BYTES.finditer(room):
            part = found[0]
            if any(c.isdigit() for c in part) and any(c.isupper() for c in part) and any(c.islower() for c in part):
                yield _Span(match.start(), 0, match.end() + len(room), "private key")
                break


def _allowed_lines(text: str, starts: list[int]) -> set[int]:
    """The numbers (from 0) of the lines after a comment that allows the next line."""
    return {bisect_right(starts, match.start()) for match in _ALLOWED_NEXT.finditer(text)}


def _is_allowed(text: str, span: _Span, line: int, starts: list[int], allowed: set[int]) -> bool:
    end = starts[line + 1] if line + 1 < len(starts) else len(text)
    first, last = max(starts[line], span.start - _NEAR), min(end, max(span.start, min(span.end, end)) + _NEAR)
    return line in allowed or bool(_ALLOWED.search(text, first, last))


def _excerpt(text: str, spans: list[_Span], at: int, line_start: int) -> str:
    """The end of the line before a finding, and what stands for it; whatever else was found there is hidden, too."""
    start = spans[at].start
    first = max(line_start, start - _PIECE)
    parts: list[str] = []
    for other in _before(spans, at, first):
        parts += [text[first : max(first, other.start)], REDACTED]
        first = max(first, other.end)
    parts.append(text[first:start])
    before = redact_line("".join(parts)).lstrip()
    return (before if len(before) <= _SHOWN else "…" + before[-_SHOWN:]) + REDACTED


def _before(spans: list[_Span], at: int, first: int) -> Iterable[_Span]:
    """The spans of the same stretch that stand before this one, in order."""
    found = []
    for other in reversed(spans[:at]):
        if other.end <= first:
            break
        found.append(other)
    return reversed(found)
