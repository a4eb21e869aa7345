"""Parameters as statements: what values mean without the program, and whose words they are.

A value is put down as texts, numbers, booleans, lists and dictionaries. Nothing is asked of an object that might answer
with code of the user's own, but for the few kinds whose answers are known (paths, enumerations, numbers of numpy).
"""

from __future__ import annotations

import os
import sys

from .said import MAX_LINE, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Set, Tuple

    from .said import Said

_DEEPEST = 8
_MOST = 1_000  # items of one value
_LONGEST = 4_000  # characters
_MOST_BITS = 4_000  # of a number that is told as a text
_TOLD = ("decimal", "fractions", "datetime", "uuid", "ipaddress")  # whose text is their value
_LAUNCHERS = frozenset(
    "torchrun torch.distributed.run torch.distributed.launch torch.distributed.elastic accelerate deepspeed coverage pdb "
    "cProfile profile kernprof ipykernel_launcher jupyter pytest py.test uv poetry pdm rye hatch pixi conda mamba pipenv "
    "ray horovodrun debugpy pip gitxp dvc mlflow runpy multiprocessing joblib loky ipython papermill".split()
)
# What stands between a parser and the user's code, and hands on the latter's words with words of its own.
_BETWEEN = ("/configargparse.py", "/transformers/hf_argparser.py", "/simple_parsing/", "/tap/tap.py", "/jsonargparse/")
_INNER = ("/hydra/_internal/", "/hydra/main.py", "/traitlets/", "/IPython/")  # whose parsers are about themselves
_FRAMES = 40
_statements: Dict[Tuple[str, bool], int] = {}
_MOST_STATEMENTS = 100  # of one source that are said at once; of all later ones only the last is, at the end
_MOST_JOBS = 1_000  # of a multirun
_own: Set[str] = set()  # the sources that parsed the program's own words


def say_params(
    said: Said,
    source: str,
    params: Dict[str, Any],
    given: Iterable[str] = (),
    *,
    is_own: bool = True,
    **more: Any,
) -> None:
    """Say these parameters, some of which were `given`; what has no meaning without the program is left out.

    Where `is_own` is false, the program made up the words that were parsed: then nobody gave any of them, and they count
    only as long as it has not parsed its own.
    """
    if not is_own and source in _own:
        return
    if is_own:
        _own.add(source)
    else:
        given = ()
    names = sorted({str(name) for name in given})
    parts: List[Dict[str, Any]] = []
    part: Dict[str, Any] = {}
    room = MAX_LINE // 2
    for name, value in params.items():
        found = plain(value)
        if found is _NOTHING or not isinstance(name, str) or name.startswith("_"):
            continue
        size = len(encode({name: found}))
        if part and size > room:
            parts.append(part)
            part, room = {}, MAX_LINE // 2
        part[name] = found
        room -= size
    if part:
        parts.append(part)
    is_job = "job" in more
    count = _statements[source, is_job] = _statements.get((source, is_job), 0) + 1
    facts = [{"source": source, "params": part, "given": _given_in(part, names), **more} for part in parts]
    if count > (_MOST_JOBS if is_job else _MOST_STATEMENTS):
        said.late[source] = [("params", each) for each in facts]
        return
    for each in facts:
        said.say("params", **each)


def _given_in(part: Dict[str, Any], names: List[str]) -> List[str]:
    return [name for name in names if name in part or name.partition(".")[0] in part]


_NOTHING: Any = object()


def plain(value: Any, depth: int = 0) -> Any:
    """What JSON can hold of a value, or `_NOTHING`."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return _scalar(value, kind)
    if depth > _DEEPEST:
        return _NOTHING
    if hasattr(kind, "_member_map_"):  # an enumeration
        return value.name
    if isinstance(value, (list, tuple, set, frozenset, range)):
        items = [plain(item, depth + 1) for item in list(value)[:_MOST]]
        return [item for item in items if item is not _NOTHING]
    fields = _fields(value, kind)
    if fields is not None:
        pairs = [(str(key), plain(item, depth + 1)) for key, item in list(fields.items())[:_MOST]]
        return {key: item for key, item in pairs if item is not _NOTHING}
    return _of_object(value, kind)


def _scalar(value: Any, kind: Any) -> Any:
    if kind is int and value.bit_length() >= 64:
        return repr(value) if value.bit_length() < _MOST_BITS else _NOTHING
    return value[: _LONGEST + 1] if kind is str else value


def _fields(value: Any, kind: Any) -> Any:
    """What has named parts as a dictionary of them; None for all else."""
    if isinstance(value, dict):
        return value
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name, None) for name in kind.__dataclass_fields__}
    if kind.__name__ in ("Namespace", "SimpleNamespace"):
        return vars(value)
    if kind.__name__ in ("ConfigDict", "FrozenConfigDict") and kind.__module__.startswith("ml_collections"):
        return value.to_dict()
    return None


def _of_object(value: Any, kind: Any) -> Any:  # noqa: PLR0911  (a line for each kind)
    package = str(kind.__module__).partition(".")[0]
    if hasattr(kind, "__fspath__"):
        return os.fsdecode(value)
    if isinstance(value, str):
        return str.__str__(value)[: _LONGEST + 1]
    if isinstance(value, (int, float)):
        return plain(int(value) if isinstance(value, int) else float(value), depth=_DEEPEST)
    if package in ("numpy", "torch", "jax", "jaxlib", "tensorflow"):
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            return plain(value.item(), _DEEPEST)
        return str(value) if kind.__name__ in ("dtype", "device", "DType") or "dtype" in kind.__name__ else _NOTHING
    if package in _TOLD:
        return str(value)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if package == "_io":
        name = getattr(value, "name", None)
        return name if isinstance(name, str) else _NOTHING
    return _NOTHING


def is_asked(words: Any, own: str) -> bool | None:
    """Whether these words are the program's own command line; None where they are not the experiment's at all.

    They are not where a launcher parses for itself, or a library inside. `words` None stands for the program's own;
    `own` is the folder of the package that parses.
    """
    is_own = words is None or (bool(words) and list(words) == sys.argv[1:])
    frame: Any = sys._getframe(1)
    is_direct = True
    for _ in range(_FRAMES):
        if frame is None:
            break
        path = frame.f_code.co_filename
        if not path.startswith((own, _HERE)) and not any(package in path for package in _BETWEEN):
            if is_direct and any(package in path for package in _INNER):
                return None
            if _is_users(path):
                return is_own if is_own or is_direct else None
            is_direct = False
        frame = frame.f_back
    return True if is_own and not _is_launcher() else None


def is_users_frame(frame: Any, own: str) -> bool:
    """Whether it is the user's code that called into the package in the folder `own`."""
    while frame is not None and frame.f_code.co_filename.startswith((own, _HERE)):
        frame = frame.f_back
    return frame is not None and _is_users(frame.f_code.co_filename)


_HERE = say_params.__code__.co_filename.rpartition("/")[0]


def _is_users(path: str) -> bool:
    root = (os.environ.get("GITXP_ROOT") or "/").rstrip("/") + "/"
    if "/site-packages/" in path or "/dist-packages/" in path:
        return False
    if path.startswith("<"):  # no file: of the others, <frozen runpy> is below every program that -m started
        return path.startswith(("<ipython-input", "<string>", "<stdin>"))
    if "/ipykernel_" in path:
        return True
    path = os.path.abspath(path)
    prefix = sys.prefix.rstrip("/") + "/"
    return path.startswith(root) and not (path.startswith(prefix) and not root.startswith(prefix))


def _is_launcher() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    names = [os.path.basename(sys.argv[0]) if sys.argv else ""]
    if spec is not None:
        names += [spec.name, spec.name.rpartition(".__main__")[0], spec.name.partition(".")[0]]
    return not _LAUNCHERS.isdisjoint(names)
