"""Names of runs: which are legal, and how one is made when the user gives none.

A made name is two short words and four random base-32 characters (`calm-otter-7k3q`): easy to say, to type and to
complete, and safe to make in two clones at once: 91 x 93 x 32^4 is about nine thousand million names, so among 10,000
runs the chance that any two clash is about half a percent, and a clash within one repository is seen and another made.
"""

from __future__ import annotations

from gitxp.errors import IllegalName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    RunName = NewType("RunName", str)
else:
    RunName = str

MAX_LENGTH = 100
_LEAST_OF_ID = 8  # characters of an id that a name beside another has
_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_REST = _FIRST | frozenset("._-")
# Crockford's base 32: no i, l, o, u, which are misread or spell things.
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_ADJECTIVES = (
    "able airy apt bold brave brief bright brisk broad calm clean clear clever cool cosy crisp curly daily dapper deep "
    "deft dense eager early easy elder even exact fair fancy fast fine firm first fleet fluid fond free fresh full gentle "
    "giant glad golden good grand great green happy hardy hazel honest huge ideal jolly keen kind large late lean level "
    "light lively long loud lucky lunar magic major mellow merry mild mint modest neat new nimble noble novel olive open "
    "plain plucky polite prime proud pure quick quiet rapid ready"
).split()
_NOUNS = (
    "acorn alder amber apple arrow aspen badger bay beacon beech birch bison brook canyon cedar cliff cloud clover comet "
    "coral crane creek crow dawn deer delta dove dune eagle echo elk ember fern finch fjord forest fox frost gale garden "
    "glade goose grove gull harbor hare hawk heath heron hill ibis iris island ivy jay juniper kite lake lark leaf lemur "
    "lily linden lotus lynx maple marsh meadow mesa moon moose moss oak oasis ocean orchid osprey otter owl panda peak "
    "pebble pine plover pond poplar quail rain raven reef ridge river robin"
).split()
LONGEST_MADE = max(map(len, _ADJECTIVES)) + max(map(len, _NOUNS)) + len("--7k3q")


def check_name(text: str) -> RunName:
    """The text as a name, or `IllegalName` with the reason.

    The grammar is docs/format.md's: `[A-Za-z0-9][A-Za-z0-9._-]{0,99}`, and what git refuses in a ref: `..`, a `.` or
    `.lock` at the end.
    """
    if not text:
        problem = "it is empty"
    elif len(text) > MAX_LENGTH:
        problem = f"it has {len(text)} characters, and {MAX_LENGTH} is the most"
    elif text[0] == "@":
        problem = "names that begin with @ are gitxp's own"
    elif text[0] not in _FIRST:
        problem = "it must begin with a letter or a digit"
    elif bad := sorted(set(text) - _REST):
        problem = f"it has {bad[0]!r} in it"
    elif ".." in text or text.endswith("."):
        problem = "git allows no '..' and no '.' at the end"
    elif text.lower().endswith(".lock"):
        problem = "git allows no '.lock' at the end"
    else:
        return RunName(text)
    raise IllegalName(
        f"{text!r} cannot name a run: {problem}.",
        hint="Use letters, digits, '.', '_' and '-', beginning with a letter or a digit.",
    )


def is_name(text: str) -> bool:
    """Whether a run may have this name."""
    try:
        check_name(text)
    except IllegalName:
        return False
    return True


def name_beside(name: str, id_: str, other: str) -> RunName:
    """The name of a run where its own is that of another run: with as much of its id as tells it from the other's.

    Both clones of two runs with one name come to the same two names.
    """
    mine, others = _digits(id_), _digits(other)
    same = next((i for i, (a, b) in enumerate(zip(mine, others, strict=False)) if a != b), len(mine))
    length = max(_LEAST_OF_ID, same + 1)
    return RunName(f"{name[: MAX_LENGTH - length - 1].rstrip('.')}-{mine[:length]}")


def without_id(name: str, id_: str) -> str:
    """The name that a run had before `name_beside` gave it another; most often the same."""
    first, _, end = name.rpartition("-")
    return first if id_ and first and len(end) >= _LEAST_OF_ID and _digits(id_).startswith(end) else name


def _digits(id_: str) -> str:
    digits = "".join(c for c in id_.lower() if c in "0123456789abcdef")
    if len(digits) >= 2 * _LEAST_OF_ID:
        return digits
    # a forged or foreign id, which need not have any
    import hashlib

    return hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()


def normal_package(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    parts = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(part for part in parts if part)


def make_name(random: bytes) -> RunName:
    """A name made from 8 random bytes, the same for the same bytes."""
    if len(random) < 8:
        msg = f"a name takes 8 random bytes, not {len(random)}"
        raise ValueError(msg)
    number = int.from_bytes(random[:8], "big")
    number, adjective = divmod(number, len(_ADJECTIVES))
    number, noun = divmod(number, len(_NOUNS))
    tail = "".join(_BASE32[number >> shift & 31] for shift in (0, 5, 10, 15))
    return RunName(f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{tail}")
