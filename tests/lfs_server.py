"""The LFS side of a host: git-lfs's batch API with basic transfers, verify and locks (git-lfs's docs/api), in memory.

It is asked by the server of git_servers.py, so that both have one address and one password, as hosts do it. What a bad
host might do can be switched on: `damaging` sends other bytes, `forgetful` keeps nothing of what it takes, `is_here`
is whether there is such a side at all, and `is_off` whether an admin turned it off.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NamedTuple

_TYPE = "application/vnd.git-lfs+json"
_OBJECT = re.compile(r"/[^/]+\.git/info/lfs/object/([0-9a-f]{64})")


class Reply(NamedTuple):
    """What is sent back."""

    status: int
    kind: str
    data: bytes


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, _TYPE, json.dumps(value).encode())


class LfsSide:
    """Objects by their sha256 in `objects`; `batches` are the operations that were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.batches: list[str] = []
        self.is_here = self.is_off = self.damaging = self.forgetful = False

    def reply(self, method: str, path: str, data: bytes, base: str) -> Reply | None:
        """The answer to a request that is for this side; `base` is the server's address."""
        if "/info/lfs/" not in path or not self.is_here:
            return None
        if self.is_off:  # GitLab's words
            return _json({"message": "Git LFS is not enabled on this GitLab server, contact your admin."}, 501)
        return self._reply(method, path, data, base)

    def _reply(self, method: str, path: str, data: bytes, base: str) -> Reply:
        top, _, rest = path.partition("/info/lfs/")
        if (method, rest) == ("POST", "objects/batch"):
            return self._batch(json.loads(data), f"{base}{top}/info/lfs")
        if (method, rest) == ("POST", "verify"):
            asked = json.loads(data)
            known = self.objects.get(asked["oid"])
            is_right = known is not None and len(known) == asked["size"]
            return _json({}) if is_right else _json({"message": "it is not here"}, 404)
        if (method, rest) == ("POST", "locks/verify"):
            return _json({"ours": [], "theirs": []})
        match = _OBJECT.fullmatch(path)
        if match is None:
            return _json({"message": "what?"}, 404)
        return self._put(match[1], data) if method == "PUT" else self._get(match[1])

    def _put(self, oid: str, data: bytes) -> Reply:
        if hashlib.sha256(data).hexdigest() != oid:
            return _json({"message": "these are other bytes"}, 422)
        if not self.forgetful:
            self.objects[oid] = data
        return Reply(200, "text/plain", b"")

    def _get(self, oid: str) -> Reply:
        data = self.objects.get(oid)
        if data is None:
            return _json({"message": "it is not here"}, 404)
        return Reply(200, "application/octet-stream", bytes(len(data)) if self.damaging else data)

    def _batch(self, asked: dict[str, Any], top: str) -> Reply:
        operation = asked["operation"]
        self.batches.append(operation)
        return _json({"transfer": "basic", "objects": [self._offer(operation, one, top) for one in asked["objects"]]})

    def _offer(self, operation: str, one: dict[str, Any], top: str) -> dict[str, Any]:
        oid, size = one["oid"], one["size"]
        about = {"oid": oid, "size": size}
        if operation == "upload":
            actions = {"upload": {"href": f"{top}/object/{oid}"}, "verify": {"href": f"{top}/verify"}}
            return about if oid in self.objects else {**about, "actions": actions}
        if oid not in self.objects:
            return {**about, "error": {"code": 404, "message": "it is not here"}}
        return {**about, "actions": {"download": {"href": f"{top}/object/{oid}"}}}
