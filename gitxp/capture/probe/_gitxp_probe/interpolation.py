"""OmegaConf's `${a.b}` in a configuration, put in place without OmegaConf: no resolver, which may be anybody's code, is called."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 20
_MISSING: Any = object()


def resolve(container: Any) -> Any:
    """The same dictionaries and lists with their references replaced by what these refer to, where that is clear."""
    return _resolve(container, container, 0)


def _resolve(value: Any, root: Any, depth: int) -> Any:  # noqa: PLR0911  (a line for each form)
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        return {str(key): _resolve(item, root, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, root, depth + 1) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if value.startswith("${") and value.find("}") == len(value) - 1:
        found = _find(value[2:-1], root)
        return value if found is _MISSING else _resolve(found, root, depth + 1)
    before, _, rest = value.partition("${")
    name, closed, after = rest.partition("}")
    found = _find(name, root) if closed else _MISSING
    if found is _MISSING or isinstance(found, (dict, list)):
        return value
    return _resolve(f"{before}{_resolve(found, root, depth + 1)}{after}", root, depth + 1)


def _find(name: str, root: Any) -> Any:
    """The value at `a.b`; resolvers (`a:b`), relative names (`.b`) and what is nested are not looked up."""
    if not name or ":" in name or "$" in name or name.startswith("."):
        return _MISSING
    found = root
    for key in name.replace("[", ".").replace("]", "").split("."):
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return _MISSING
    return found
