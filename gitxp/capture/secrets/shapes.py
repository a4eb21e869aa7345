"""Secrets that can be told by what they look like, within any text: tokens of known services, passwords in addresses.

The shapes are those that the services themselves publish so that leaks can be found. Each pattern begins where no letter
or digit stands before it, which also keeps the time linear in the length of the text.
"""

from __future__ import annotations

import re

from gitxp.capture.secrets.names import is_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

REDACTED = "<redacted>"

# What each is called, and its shape. A look ahead is bounded: without that, `sk-sk-sk-…` takes the square of its length.
_KINDS = (
    ("AWS access key", r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])"),
    ("GitHub token", r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"),
    ("GitLab token", r"glpat-[\w-]{16,}"),
    # OpenAI, Anthropic, and others after them
    ("API key", r"sk-(?=[\w-]{0,300}\d)(?:(?=[\w-]{0,300}[A-Z])|(?=[\w-]{0,300}[a-z0-9]{16}))[\w-]{20,}"),
    ("Stripe key", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{20,}"),
    ("npm token", r"npm_[A-Za-z0-9]{30,}"),
    ("PyPI token", r"pypi-[\w-]{20,}"),
    ("Docker token", r"dckr_pat_[\w-]{20,}"),
    ("Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("Google API key", r"AIza[\w-]{30,}"),
    ("SendGrid key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("API key", r"(?:gsk_|nvapi-|xai-|pplx-|r8_|tgp_v1_|dop_v1_|lsv2_[ps]t_)[\w-]{24,}"),
    ("JSON web token", r"eyJ[\w-]{8,1000}+\.eyJ[\w-]{8,}\.[\w-]*"),
)
_TOKENS = re.compile(f"(?<![A-Za-z0-9])(?:{'|'.join(f'({shape})' for _, shape in _KINDS)})", re.ASCII)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL)
WEBHOOKS = re.compile(
    r"""(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/
    |webhook\.office\.com/)[^\s"'<>]+""",
    re.VERBOSE,
)
_USERINFO = re.compile(r"""(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?\#"'<>]*)@""")
# A password with a slash in it, which should have been coded: everything to the last @ of a word, if what stands
# between the colon and the slash is no port.
_ODD_USERINFO = re.compile(
    r"""(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?\#"'<>@:]*:(?!\d+[/?#])[^\s"'<>]*)@"""
)
_QUERY = re.compile(r"""([?&;\#])([\w.%-]+)=([^&\#\s"'<>;]+)""")
# In an address these hold a secret whatever it looks like: Azure's `sig`, and what Amazon, Google and others sign with.
IN_ADDRESSES = frozenset("sig signature token hmac sas jwt hdnea hdnts".split())
_SIGNED = ("-signature", "-credential", "-security-token")
_HEADER = re.compile(
    r"""(?<![\w-])((?:proxy-)?authorization|cookie|set-cookie|x-[\w-]*(?:key|token|auth|secret)[\w-]*)
    (["']?\s*[:=]\s*["']?)((?:bearer|basic|token|digest)\s+)?([^\s"',]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_BEARER = re.compile(r"(?<![\w-])([Bb]earer\s+)([\w.~+/=-]{8,})")
_VALUE = r"""("[^"]*"|'[^']*'|[^\s"',;&|()}\]]+)"""
_ASSIGNMENT = re.compile(r"""(?<![\w.-])([A-Za-z_][\w.-]*)(["']?\s*(?::=|=|:)\s*)""" + _VALUE)
# In a program only what stands in quotes is a value: `api_key = "…"`, `environ["API_KEY"] = '…'`, `setenv("API_KEY", "…")`.
_LITERAL = re.compile(
    r"""(?<![\w.-])([A-Za-z_][\w.-]*)(["']?\]?(?:\s*:\s*\w+)?\s*(?::=|=|:|,)\s*[rbuf]?)("[^"\n]+"|'[^'\n]+')"""
)
_OPTION = re.compile(r"(?<![\w-])--?([A-Za-z][\w.-]*)([ \t]+)(?!-)" + _VALUE)
SCHEMES = frozenset(["bearer", "basic", "token", "digest"])
# Whose user name alone is no secret: ssh://git@host.
_NAMED_ONLY = frozenset(["ssh", "git", "git+ssh", "sftp", "rsync", "svn+ssh"])


def has_token(text: str) -> bool:
    """Whether a token of a known service, or a private key, stands in a text."""
    return bool(_TOKENS.search(text) or _PRIVATE_KEY.search(text))


def find_tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """What each token of a known service in the text is called, where it begins, and where it ends."""
    for match in _TOKENS.finditer(text):
        assert match.lastindex is not None
        yield _KINDS[match.lastindex - 1][0], match.start(), match.end()


def redact_shapes(text: str) -> str:
    """The text without tokens of known shapes, private keys, passwords in URLs, and authorization headers."""
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _USERINFO.sub(_without_password, text)
    text = _ODD_USERINFO.sub(_without_password, text)
    text = WEBHOOKS.sub(lambda match: match[1] + REDACTED, text)
    text = _QUERY.sub(_without_query, text)
    text = _HEADER.sub(lambda match: f"{match[1]}{match[2]}{match[3] or ''}{REDACTED}", text)
    text = _BEARER.sub(lambda match: match[1] + REDACTED, text)
    return _TOKENS.sub(REDACTED, text)


def redact_line(text: str) -> str:
    """As `redact_shapes`, and without the values of secret names in it: `sh -c 'API_KEY=… train --token …'`, JSON."""
    text = redact_shapes(text)
    text = _ASSIGNMENT.sub(_without_value, text)
    return _OPTION.sub(_without_value, text)


def redact_code(text: str) -> str:
    """As `redact_shapes`, and without the string literals that a program gives to secret names, or a magic's words."""
    lines = redact_shapes(text).splitlines(keepends=True)
    text = "".join(redact_line(line) if line.lstrip().startswith(("%", "!")) else line for line in lines)
    return _LITERAL.sub(_without_value, text)


def _without_password(match: re.Match[str]) -> str:
    scheme, userinfo = match[1], match[2]
    user, colon, password = userinfo.partition(":")
    if not colon and (not user or scheme.lower() in _NAMED_ONLY):
        return match[0]
    if REDACTED in {password, user}:
        return match[0]
    # of a web address the user may be the token itself: https://TOKEN@host, https://TOKEN:x-oauth-basic@host
    shown = "" if scheme.lower().startswith(("http", "git+http")) or not colon else user + ":"
    return f"{scheme}://{shown}{REDACTED}@"


def _without_query(match: re.Match[str]) -> str:
    name = match[2].lower()
    if match[3].startswith(REDACTED):
        return match[0]
    if name in IN_ADDRESSES or name.endswith(_SIGNED) or is_secret(match[2], match[3]):
        return f"{match[1]}{match[2]}={REDACTED}"
    return match[0]


def _without_value(match: re.Match[str]) -> str:
    value = match[3]
    quote = value[0] if value[0] in "\"'" else ""
    plain = value[1:-1] if quote else value
    if plain.startswith(REDACTED) or plain.lower() in SCHEMES or not is_secret(match[1], plain):
        return match[0]
    return match[0][: len(match[0]) - len(value)] + quote + REDACTED + quote
