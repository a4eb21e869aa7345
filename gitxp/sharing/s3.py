"""S3, by s3fs: a large object goes in parts, and an upload that was cut off goes on with those that are not there.

fsspec sends a file from its beginning, so the requests are made here. A part that is there is one of ours if its ETag is the MD5
of the same bytes here; where the bucket encrypts with keys of a service, it never is, and the part is sent anew. All of
the object is read back and hashed at the end in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.sharing.filesystems import Remote, part_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PART = 8 << 20
_AT_ONCE = 3  # parts of one object


class _Part(NamedTuple):
    """A part that is there."""

    etag: str
    size: int


class S3(Remote):
    """The storage. What the place calls a file that was begun is the id of its multipart upload."""

    def begin(self, name: str, size: int, begun: str) -> str:
        """The id of an upload that can be gone on with, or of a new one; "" for a file of one part."""
        if size <= _PART:
            return ""
        # some may begin an upload, and not list its parts
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if begun:
                self._list_parts(name, begun)
                return begun
        return str(self._call("create_multipart_upload", name)["UploadId"])

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Send the parts of a local file that are not there, a few at once."""
        if not begun:
            return super().put(source, name, begun, tick)
        step = part_size(os.path.getsize(source), _PART)
        there = self._list_parts(name, begun)
        etags: dict[int, str] = {}
        done, missing = 0, []
        with open(source, "rb") as file:
            for number in range(1, -(-os.path.getsize(source) // step) + 1):
                found = there.get(number)
                if found and found == _part_of(_read(file, number, step)):
                    etags[number] = found.etag
                    done += found.size
                    tick(done)
                else:
                    missing.append(number)
            for first in range(0, len(missing), _AT_ONCE):
                tick(done)
                parts = {number: _read(file, number, step) for number in missing[first : first + _AT_ONCE]}
                etags |= self._send(name, begun, parts, done, tick)
                done += sum(map(len, parts.values()))
        listed = [{"PartNumber": number, "ETag": etags[number]} for number in sorted(etags)]
        self._call("complete_multipart_upload", name, UploadId=begun, MultipartUpload={"Parts": listed})
        return name

    def drop(self, name: str, begun: str) -> None:
        """Take away the parts that are there."""
        if begun:
            with contextlib.suppress(FileNotFoundError):
                self._call("abort_multipart_upload", name, UploadId=begun)

    def _send(
        self, name: str, begun: str, parts: Mapping[int, bytes], done: int, tick: Callable[[int], None]
    ) -> dict[int, str]:
        """Send these parts at once, where `done` bytes are there; their ETags."""
        from fsspec.asyn import sync

        async def send(number: int, data: bytes) -> tuple[int, str]:
            nonlocal done
            about = {"UploadId": begun, "PartNumber": number, "Body": data}
            answer = await self._system._call_s3("upload_part", **self._at(name), **about)  # noqa: SLF001  (fsspec's documented way to several at once)
            done += len(data)
            tick(done)
            return number, str(answer["ETag"])

        async def send_all() -> dict[int, str]:
            return dict(await asyncio.gather(*(send(number, data) for number, data in parts.items())))

        return dict(sync(self._system.loop, send_all))

    def _list_parts(self, name: str, begun: str) -> dict[int, _Part]:
        """What is there of an upload, by the parts' numbers. Raises `FileNotFoundError` where there is no such upload."""
        found: dict[int, _Part] = {}
        after: dict[str, Any] = {}
        while True:
            answer = self._call("list_parts", name, UploadId=begun, **after)
            found |= {part["PartNumber"]: _Part(part["ETag"], part["Size"]) for part in answer.get("Parts", ())}
            if not answer.get("IsTruncated"):
                return found
            after = {"PartNumberMarker": answer["NextPartNumberMarker"]}

    def _call(self, method: str, name: str, **options: Any) -> Any:
        return self._system.call_s3(method, **self._at(name), **options)

    def _at(self, name: str) -> dict[str, str]:
        bucket, key, _ = self._system.split_path(self._full(name))
        return {"Bucket": bucket, "Key": key}


def _read(file: Any, number: int, step: int) -> bytes:
    file.seek((number - 1) * step)
    return bytes(file.read(step))


def _part_of(data: bytes) -> _Part:
    return _Part(f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"', len(data))
