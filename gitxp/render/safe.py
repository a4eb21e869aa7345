r"""The one sanitiser: strings that come from a repository, made harmless before a terminal sees them.

A run may have been fetched from a stranger. An escape sequence in a file name can retitle a window or write to the
clipboard, a bidi override can make a command read as another one, a newline can forge a line of a table. Such
characters are shown as what they are (`\x1b`, `\u202e`), not dropped: a name that was tampered with looks like one.

Only builtins are used, and text without anything to escape costs one call: the way from `gitxp run` to the child's
start leads through here when a warning names a path.
"""

from __future__ import annotations

# Blank letters: they take part in words as letters do and are drawn as nothing.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# What `isprintable` refuses and is only a space: no-break space and the space of East Asian text.
_SPACES = frozenset("\u00a0\u3000")


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with control, escape, bidi, zero-width, unassigned and blank characters written as escapes.

    Bytes that were no UTF-8 (lone surrogates from `os.fsdecode`) are written as `\xNN`. `keep` holds characters that
    pass as they are, such as `"\n\t"` where several lines are wanted.
    """
    bare = text
    for character in keep:
        bare = bare.replace(character, "")
    if bare.isprintable() and _BLANK.isdisjoint(bare):
        return text
    return "".join(c if c in keep or is_safe(c) else escape(c) for c in text)


def is_safe(character: str) -> bool:
    """Whether a terminal may see this one character as it is."""
    return (character.isprintable() and character not in _BLANK) or character in _SPACES


def escape(character: str) -> str:
    r"""One character as `\n`, `\xNN`, `\uNNNN` or `\UNNNNNNNN`."""
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was no UTF-8, as surrogateescape carries it
        return f"\\x{number - 0xDC00:02x}"
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
