"""Secrets that detect-secrets knows the shapes of, where it is installed: `gitxp[secrets]`.

Of its plugins those for entropy, keywords and public addresses are not asked: they find what is no secret in any notebook.
Nor are four that look for what scan.py finds, too: those for passwords in addresses and for private keys take
examples for real ones, those for OpenAI's keys and web tokens take the square of a hostile line's length. Nothing is
verified: that would send the secret to the service. It brings `requests` along, 0.2 s to import, so it is imported when
the first file is scanned.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from gitxp.capture.secrets.values import is_opaque

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_LEFT_OUT = frozenset(
    "Base64HighEntropyString HexHighEntropyString KeywordDetector IPPublicDetector BasicAuthDetector "
    "PrivateKeyDetector OpenAIDetector JwtTokenDetector".split()
)

_VALUES = ("key", "pwd", "pw", "pass", "token")
# Of each group, one word stands in whatever these find. Their expressions begin with nothing that must be there, so that
# they take ten times as long as others where they find nothing.
_WORDS = {
    "IbmCloudIamDetector": (_VALUES,),
    "IbmCosHmacDetector": (("secret",), ("key",)),
    "CloudantDetector": (("cl",), (*_VALUES, "://")),
    "SoftlayerDetector": (("sl", "softlayer"), (*_VALUES, "://")),
}


def find_known(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, beginning and end of what its plugins find in a text of at most a few thousand characters."""
    folded = text.casefold()
    for plugin in _plugins():
        for secret in set(plugin.analyze_string(text)) if _may_find(plugin, folded) else ():
            if is_opaque(secret):
                for match in re.finditer(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", text):
                    yield plugin.secret_type, match.start(), match.end()


def _may_find(plugin: object, folded: str) -> bool:
    return all(any(word in folded for word in words) for words in _WORDS.get(type(plugin).__name__, ()))


@cache
def _plugins() -> Sequence[Any]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError:
        return ()
    known: Collection[type[Any]] = get_mapping_from_secret_type_to_class().values()
    return [plugin() for plugin in known if plugin.__name__ not in _LEFT_OUT]
