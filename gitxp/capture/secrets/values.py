"""Whether what stands where a secret might stand is one: precise enough to stop a push for it.

What is recorded is redacted when in doubt, which costs nobody anything (secret_names.py). A scan of whole files has to be
right nearly always, or nobody reads what it says: of the values that code gives to `password` or `token` most are words,
other names, templates and examples. So a value needs a digit among its letters, and more than a word and its number.
"""

from __future__ import annotations

import re

from gitxp.capture.secrets.names import is_secret, leaves_doubt, words_of

_LEAST_PASSWORD, _LEAST_KEY, _LEAST_DOUBTFUL = 6, 12, 16
_MOST = 1000
_LEAST_LONG = 24  # characters of a value in which a word may stand by chance
_TEMPLATES = ("{", "<", ">", "%(", "%s", "%d", "...", "…", "***", "xxxx", "$(", "\\")
_EXAMPLES = re.compile(
    "example|sample|placeholder|change.?me|change.?this|replace.?me|redacted|your|insert.?here|dummy|fake|"
    "not.?a.?real|todo|fixme|foobar|0123456789abcdef0123|1234567890123456",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(r"""[()\[\]{}|^*`\s]|://|\A[/~$@%#&!:,.=?]|\A[\w.-]+@[\w-]+\.[a-z]+\Z""")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d{1,4}")
_SPLIT = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_PASSWORD_WORDS = ("passw", "passphrase", "passcode", "pwd", "secret")
_TALK = re.compile("passw|secret|token|user|admin|login|auth|test|demo|sha[125]|md5|pkcs|base64|utf|key", re.IGNORECASE)
_PUBLIC_PASSWORDS = frozenset(
    "pass password passwd passphrase pw pwd p pass1 secret secrets user username xxx foo bar baz test token postgres root "
    "admin guest none null word".split()
)
_OF_EXAMPLES = re.compile(
    r"(?:\A|\.)(?:example|invalid|test|localhost)(?:\.(?:com|org|net|edu))?\Z|\Ahost(?:name)?\Z|\A[\d.]+\Z"
)


def is_placeholder(value: str) -> bool:
    """Whether it stands for a secret in a template or an example: `${TOKEN}`, `ghp_xxxxxxxx`, `AKIAIOSFODNN7EXAMPLE`."""
    lower = value.lower()
    if any(mark in lower for mark in _TEMPLATES) or value.startswith("$") or _EXAMPLES.search(value):
        return True
    return len(set(value[len(value) // 3 :])) <= 2  # a prefix such as sk-proj- has more letters


def is_token(text: str, start: int, end: int) -> bool:
    """Whether what has the shape of a token is one: no placeholder, no name (`pypi-some-package-name`), no end of a digest."""
    token = text[start:end]
    return not is_placeholder(token) and not _is_made_of_words(token) and text[start - 1 : start] not in {"-", "_"}


def is_given(name: str, value: str) -> bool:
    """Whether a literal value that a file gives to this name is a secret: `hunter2` for `password`; not `access_token`."""
    if not _LEAST_PASSWORD <= len(value) <= _MOST or _NO_VALUE.search(value) or is_placeholder(value):
        return False
    if not is_secret(name, value):
        return False
    is_password = any(word in name.lower() for word in _PASSWORD_WORDS) or words_of(name)[-1:] == ["pass"]
    if value.isdigit() or not any(c.isdigit() for c in value) or not any(c.isalpha() for c in value):
        return is_password and value.isdigit()
    if len(value) < _LEAST_LONG and _TALK.search(value):
        return False
    if is_password:
        return len([part for part in re.split(r"[\W_]+", value) if part]) == 1 or not _is_made_of_words(value)
    least = _LEAST_DOUBTFUL if leaves_doubt(name) else _LEAST_KEY
    return len(value) >= least and not _is_made_of_words(value)


def is_password_of_address(user: str, password: str, host: str) -> bool:
    """Whether `scheme://user:password@host` opens anything: not in an example, a template, a test on this machine."""
    if is_placeholder(password) or _OF_EXAMPLES.search(host.lower()) or "{" in host or "$" in host:
        return False
    lower = password.lower()
    return lower not in _PUBLIC_PASSWORDS and lower != user.lower() and len(password) > 3


def is_opaque(value: str) -> bool:
    """Whether it may be a token of any service: long, letters and digits, and no words."""
    if len(value) < _LEAST_DOUBTFUL or is_placeholder(value) or _NO_VALUE.search(value):
        return False
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and not _is_made_of_words(value)


def _is_made_of_words(value: str) -> bool:
    """Whether it is words and one or two small numbers, as names are: `oauth2_token`, `AES-256-GCM`, `keys/v1`."""
    if any(c in "!@#$%&+=?" for c in value):
        return False
    parts = [part for part in _SPLIT.split(value) if part]
    long = [part for part in parts if len(part) > 2]
    numbers = sum(part.isdigit() for part in parts)
    few = 2 if len(value) < _LEAST_LONG - 4 else 1
    return all(_WORD.fullmatch(part) for part in parts) and 2 * len(long) >= len(parts) and numbers <= few
