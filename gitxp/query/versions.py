"""Versions of packages put in order, as PEP 440 says, without a library: the base install has none, and compares few.

https://packaging.python.org/specifications/version-specifiers/. What is no such version (`2.3-fork+x!`) is ordered by
the numbers and words that it consists of.
"""

from __future__ import annotations

import re

_VERSION = re.compile(
    r"""\s*v?
    (?:(?P<epoch>[0-9]+)!)?
    (?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?
    (?P<post>-(?P<post_bare>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE = {"alpha": 1, "a": 1, "beta": 2, "b": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_LONGEST = 200
_MAX = (1 << 64) - 1


def version_key(text: str) -> bytes | None:
    """Bytes that are ordered as the versions are; equal for `2.3` and `2.3.0`. None for what has no number in it."""
    text = text[:_LONGEST]
    match = _VERSION.fullmatch(text)
    if match is None:
        numbers = [int(part) for part in re.findall(r"[0-9]+", text)]
        return _release(0, numbers) + b"\x04" + text.encode("utf-8", "replace") if numbers else None
    key = _release(int(match["epoch"] or 0), [int(part) for part in match["release"].split(".")])
    is_dev_only = match["dev"] and not match["pre"] and not match["post"]
    if match["pre"]:
        key += bytes([_PRE[match["pre"].lower()]]) + _number(match["pre_number"])
    else:
        key += b"\x00" if is_dev_only else b"\x04"
    key += b"\x01" + _number(match["post_bare"] or match["post_number"]) if match["post"] else b"\x00"
    key += b"\x00" + _number(match["dev_number"]) if match["dev"] else b"\x01"
    return key + _local(match["local"])


def _release(epoch: int, numbers: list[int]) -> bytes:
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    # a marker before each number, so that 2.3 stands before 2.3.1, whatever comes after the release
    return _number(str(epoch)) + b"".join(b"\x05" + _number(str(number)) for number in numbers)


def _local(text: str | None) -> bytes:
    if not text:
        return b"\x00"
    parts = re.split(r"[-_.]", text.lower())
    return (
        b"\x01"
        + b"".join(b"\x02" + _number(part) if part.isdigit() else b"\x01" + part.encode() + b"\x00" for part in parts)
        + b"\x00"
    )


def _number(text: str | None) -> bytes:
    return min(int(text or 0), _MAX).to_bytes(8, "big")
