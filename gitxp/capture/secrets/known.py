"""The secrets that a run was given, to find them again in what it wrote.

A program saves its configuration beside its model, password and all. Nobody named that file for keeping, so it is looked
into first: for the very words that are `<redacted>` in the record, for the values of variables whose names say that they
are secrets, and for tokens of known shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.capture.secrets.redaction import REDACTED, redact_command, redact_value
from gitxp.capture.secrets.shapes import has_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitxp.capture.secrets.needles import Needles

_LEAST = 6  # characters: "abc" would be found anywhere
_MOST = 500
_MAX_TEXT = 1024 * 1024  # bytes that are searched for shapes


def known_secrets(
    command: Sequence[str],
    params: Iterable[Mapping[str, Any]],
    environ: Mapping[str, str],
    more: Iterable[str] = (),
) -> list[bytes]:
    """The secret parts of a command, of parameters (as they were, nested or not), and of variables, the longest first.

    `more` are secrets by what somebody else knows.
    """
    found = set(more)
    for word, redacted in zip(command, redact_command(command), strict=True):
        found.update(_parts(word, redacted))
    for name, value in [*environ.items(), *(item for some in params for item in some.items())]:
        found.update(_parts(value, redact_value(str(name), value)))
    long = sorted((secret for secret in found if len(secret) >= _LEAST), key=len, reverse=True)
    return [_encoded(secret) for secret in long[:_MOST]]


def holds_secret(data: bytes, secrets: Needles) -> bool:
    """Whether one of the secrets, in any of its forms, or something of a token's shape, is in these bytes."""
    if secrets.are_in(data):
        return True
    return len(data) <= _MAX_TEXT and b"\0" not in data and has_token(data.decode("utf-8", "replace"))


def without_secrets(value: Any, secrets: Sequence[bytes]) -> Any:
    """What JSON holds, with `<redacted>` in the place of these secrets in all of its texts."""
    if isinstance(value, dict):
        return {key: without_secrets(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret.decode("utf-8", "surrogateescape"), REDACTED)
    return value


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can hold
        return text.encode("utf-8", "surrogatepass")


def _parts(value: Any, redacted: Any) -> Iterator[str]:
    """What stands in a value where the other has `<redacted>`."""
    if isinstance(value, dict) and isinstance(redacted, dict):
        for key in value:
            yield from _parts(value[key], redacted.get(key))
    elif isinstance(value, list | tuple) and isinstance(redacted, list):
        for item, other in zip(value, redacted, strict=True):
            yield from _parts(item, other)
    elif isinstance(redacted, str) and REDACTED in redacted and redacted != value:
        text = str(value)
        before, after = redacted.partition(REDACTED)[0], redacted.rpartition(REDACTED)[2]
        secret = text[len(before) : len(text) - len(after)]
        yield secret
        yield secret.rpartition(":")[2]  # user:password
