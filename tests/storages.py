"""Objects to copy, and what stands between a store and a place."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from gitxp.sharing.filesystems import Ssh
from gitxp.sharing.places import open_place
from gitxp.sharing.store import Ends

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.git.lfs import Store
    from gitxp.pointer import Pointer
    from gitxp.sharing.places import Place


def between(store: Store, place: Place) -> Ends:
    """The ends of copies between a store, with a repository of its own, and a place."""
    return Ends(f"{store.root}.git", store, place)


def put(place: Place, name: str, path: Path, data: bytes) -> None:
    """Put these bytes at a place under this name, whatever they are."""
    path.write_bytes(data)
    at = place.put(str(path), name, place.begin(name, len(data), ""), lambda _: None)
    if at != name:
        place.move(at, name)


def fill(store: Store, tmp_path: Path, *contents: bytes) -> list[Pointer]:
    """Put these bytes into the store; their pointers."""
    found = []
    for data in contents:
        (tmp_path / "source").write_bytes(data)
        fd = os.open(tmp_path / "source", os.O_RDONLY)
        found.append(store.put(fd).pointer)
        os.close(fd)
    return found


@contextlib.contextmanager
def open_ssh(port: int, tmp_path: Path, seal: Path) -> Iterator[Place]:
    """A place at the ssh server, whose key is made known; its connection ends with it, and not when it is collected."""
    key = (tmp_path / "host.pub").read_text()
    (seal / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    place = open_place(f"ssh://tester@127.0.0.1:{port}{tmp_path}/storage", str(tmp_path))
    yield place
    disconnect(place)


def disconnect(place: Place) -> None:
    """End the connection of a place that is reached by ssh. What the library does when it is collected waits for 0.1 s only."""
    from fsspec.asyn import sync

    assert isinstance(place, Ssh)
    system = place._system

    async def close() -> None:
        await system._pool.close()
        await system._stack.aclose()

    sync(system.loop, close, timeout=60)
