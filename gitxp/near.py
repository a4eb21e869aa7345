"""Names that are near one that was typed and is none."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Names that are looked at (a millisecond for each ten), that are near, of each kind, and that are named where none is.
_AMONG, _NEAR, _FEW = 2000, 3, 8
_LONGEST = 80
_BETWEEN = re.compile(r"[/.]")


def near_names(wanted: str, names: Sequence[str]) -> list[str]:
    """The names of which it is a part (`loss`: `train/loss`, `val/loss`), and those that are spelled alike; none: the first few."""
    import difflib

    among = names[:_AMONG]
    whole = [name for name in among if wanted.lower() in _BETWEEN.split(name.lower())][:_NEAR]
    near = dict.fromkeys([*whole, *difflib.get_close_matches(wanted, among, _NEAR)])
    return list(near) or list(names[:_FEW])


def there_are(wanted: str, names: Sequence[str]) -> str | None:
    """The hint for a name that is none; None where there are no names."""
    near = ", ".join(name[:_LONGEST] for name in near_names(wanted, names))
    return f"There are: {near}." if near else None
