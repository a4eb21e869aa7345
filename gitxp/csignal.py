"""`signal` without `enum`: the C module below it, where there is one (CPython).

`import signal` makes enums of its numbers, which takes 7 ms with all that `enum` imports, an eighth of what a whole
`gitxp run true` may take. Only functions and numbers are used here that both have.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal  # noqa: PLC0414  (a re-export, for the type checker)
else:
    try:
        import _signal as signal
    except ImportError:
        import signal

__all__ = ["signal"]
