"""Keeping secrets out of what is recorded: each becomes `<redacted>`, in its place, and the rest stays readable.

A commit is pushed, fetched and kept for ever, so a password must not get into one. Whoever puts a command, parameters,
addresses, variables or words of the user's into a record passes them through here. What names say is in
secret_names.py, what shapes say in secret_shapes.py, what notes say in secret_prose.py. The way to the command's start
leads through here: a command in which nothing smells of a secret costs a few searches for substrings, and only what does
is looked at with `re`.

No such list is complete. It is for what people do every day; the place for a secret is an environment variable.
"""

from __future__ import annotations

from gitxp.capture.secrets.names import is_plural, is_secret, is_switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

REDACTED = "<redacted>"
_NAME_HINTS = ("key", "token", "secret", "pass", "pwd", "cred", "auth", "bearer", "cookie", "jwt")
_SHAPE_HINTS = (
    "@ sk- hf_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- AKIA ASIA xox npm_ pypi- AIza eyJ -----BEGIN hooks. webhook "
    "k_live_ k_test_ dckr_pat_ SG. gsk_ nvapi- xai- pplx- r8_ tgp_v1_ dop_v1_ lsv2_ ?".split()
)
_LEAST_SHAPE = 14  # characters of the shortest thing that a shape can be found in
_USER_OPTIONS = frozenset(["-u", "--user", "--proxy-user", "--userpass"])
_SCHEMES = frozenset(["bearer", "basic", "token", "digest"])


def redact_command(command: Sequence[str]) -> list[str]:
    """The words of a command, as many as there were; of a word the secret part, or all of it, is `<redacted>`."""
    if not _smells(" " + " ".join(command)):
        return list(command)
    words: list[str] = []
    name: str | None = None  # of the option whose value comes next
    for word in command:
        if name is not None and word.lower() in _SCHEMES and "authorization" in name.lower():
            words.append(word)
            continue
        if name is not None and not word.startswith("-") and _is_secret_value(name, word):
            words.append(REDACTED)
            name = name if is_plural(name) else None
            continue
        words.append(_redact_word(word))
        name = _name_before_value(word)
    return words


def redact_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters (dotted name → scalar or list) with their secret values as `<redacted>`."""
    return {name: redact_value(name, value) for name, value in params.items()}


def redact_value(name: str, value: Any) -> Any:
    """What may be recorded of a parameter's, a setting's or a variable's value."""
    if isinstance(value, (list, tuple)):
        return [redact_value(name, item) for item in value]
    if isinstance(value, dict):
        return {key: redact_value(f"{name}.{key}", item) for key, item in value.items()}
    if _has_hint(name, _NAME_HINTS) and is_secret(name, value):
        return REDACTED
    return _redact_word(value) if isinstance(value, str) else value


def redact_url(url: str) -> str:
    """An address without password, without the user where that may be a token, and without tokens in its query."""
    if not (_has_shape_hint(url) or _has_hint(url, _NAME_HINTS)):
        return url
    from gitxp.capture.secrets.shapes import redact_shapes

    return redact_shapes(url)


def redact_path(path: str) -> str:
    """A path without what `redact_url` takes out of an address; made normal, an address has one slash after its colon."""
    scheme, colon, rest = path.partition(":/")
    if not colon or rest.startswith("/"):
        return redact_url(path)
    return redact_url(f"{scheme}://{rest}").replace("://", ":/", 1)


def redact_text(text: str) -> str:
    """Prose (a note, a tag, a message) without what `redact_url` takes out, and without the values of secret names."""
    is_named = _has_hint(text, _NAME_HINTS)
    if not is_named and (len(text) < _LEAST_SHAPE or not _has_shape_hint(text)):
        return text
    from gitxp.capture.secrets.shapes import redact_shapes

    text = redact_shapes(text)
    if not is_named:
        return text
    from gitxp.capture.secrets.prose import redact_assignments

    return redact_assignments(text)


def redact_source(text: str) -> str:
    """A program's text without tokens of known shapes, and without the string literals that are given to secret names."""
    if not (_has_shape_hint(text) or _has_hint(text, _NAME_HINTS)):
        return text
    from gitxp.capture.secrets.shapes import redact_code

    return redact_code(text)


def _redact_word(word: str) -> str:
    """One argument: `--token=X`, `API_KEY=X`, `--env=API_KEY=X`, an address, a header, a line for a shell, JSON."""
    if not _smells(word):
        return word
    name, equals, text = word.partition("=")
    bare = name.lstrip("-+")
    if equals and bare and all(c.isalnum() or c in "._-/:" for c in bare):
        is_joined = name[:1] == "-" and name[:2] != "--" and is_secret(bare[1:], text)  # -DAPI_KEY=X
        if is_joined or is_secret(bare, text):
            return f"{name}={REDACTED}"
        if "://" not in name:
            return f"{name}={_redact_word(text)}"
    if not _has_shape_hint(word) and not any(c in word for c in "=: "):  # src/tokenizer.py
        return word
    from gitxp.capture.secrets.shapes import redact_line

    return redact_line(word)


def _name_before_value(word: str) -> str | None:
    """The name in a word whose value is the next word: `--token`, `Authorization:`; None where there is none."""
    if word in _USER_OPTIONS:
        return word
    if word.endswith(":") and _has_hint(word, _NAME_HINTS):
        return word[:-1]
    name = word.lstrip("-")
    if not word.startswith("-") or "=" in word or not _has_hint(word, _NAME_HINTS) or is_switch(name):
        return None
    return name


def _is_secret_value(name: str, word: str) -> bool:
    if name in _USER_OPTIONS:  # curl -u user:password; docker --user 1000:1000
        user, colon, password = word.partition(":")
        return bool(colon and password and "/" not in user and not password.startswith("//") and not password.isdigit())
    return is_secret(name, word)


def _smells(text: str) -> bool:
    return (
        _has_hint(text, _NAME_HINTS)
        or (len(text) >= _LEAST_SHAPE and _has_shape_hint(text))
        or " -u " in text
        or "--user" in text
    )


def _has_hint(text: str, hints: Sequence[str]) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in hints)


def _has_shape_hint(text: str) -> bool:
    return any(hint in text for hint in _SHAPE_HINTS)
