"""Large objects, copied between the LFS store of the repository and a place that gitxp.yaml names.

There they lie at `sha256/<first 2 digits>/<next 2>/<oid>`. What has left is read back and hashed before it counts; what comes is
hashed before it is an object. What is there in its full size is not copied again, and what was cut off goes on where it
was (store/transfers.py, and `put` of each place). If what was there turns out to be no beginning of the object, it is thrown away, and
all of it is copied anew, once.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitxpError
from gitxp.git.lfs import DamagedContent, MissingContent, write_all
from gitxp.sharing.workers import copy_each
from gitxp.store.transfers import Coming, Sending, is_full, list_left_sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gitxp.git.lfs import Store
    from gitxp.pointer import Pointer
    from gitxp.sharing.places import Place
    from gitxp.sharing.workers import Copied, Progress, Watch

_CHUNK = 1 << 20


class AlteredContent(GitxpError):
    """What is at the place is not what was asked for or sent."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__(
            f"The large object {pointer.oid[:12]} has other bytes in the storage.",
            hint="Delete it there, and push the run by its name from a clone that has it: gitxp push REMOTE RUN",
        )


class Ends(NamedTuple):
    """What objects are copied between: the store of the repository with this common folder, and a place."""

    common_dir: str
    store: Store
    place: Place


def name_of(oid: str) -> str:
    """Where an object lies at a place."""
    return f"sha256/{oid[:2]}/{oid[2:4]}/{oid}"


def upload(ends: Ends, pointers: Iterable[Pointer], progress: Callable[[Progress], None] | None = None) -> Copied:
    """Copy objects to a place, several at once; what cannot be copied is told and does not stop the others."""
    done = copy_each(lambda pointer, watch: _upload(ends, pointer, watch), pointers, progress, reads_back=True)
    if not done.failed:
        _take_away_left(ends)
    return done


def download(ends: Ends, pointers: Iterable[Pointer], progress: Callable[[Progress], None] | None = None) -> Copied:
    """Copy objects from a place, several at once; what cannot be copied is told and does not stop the others."""
    return copy_each(lambda pointer, watch: _download(ends, pointer, watch), pointers, progress, reads_back=False)


def _upload(ends: Ends, pointer: Pointer, watch: Watch) -> bool:
    """Whether it had to be copied."""
    with Sending.open(ends.common_dir, ends.place.identity, pointer.oid, watch.check) as sending:
        if ends.place.size(name_of(pointer.oid)) == pointer.size and _is_settled(ends.place, pointer, sending, watch):
            return False
        path = ends.store.find(pointer)
        if path is None:
            raise MissingContent("a run", pointer)
        if not ends.store.is_whole(pointer):
            raise DamagedContent(path)
        is_rest = bool(sending.begun)
        try:
            _send(ends.place, path, pointer, sending, watch)
        except AlteredContent:
            if not is_rest:
                raise
            _send(ends.place, path, pointer, sending, watch)
    return True


def _take_away_left(ends: Ends) -> None:
    """Take away at the place what this repository began to send, and for long did not go on with."""
    for left in list_left_sending(ends.common_dir, ends.place.identity, time.time()):
        with left:
            try:
                ends.place.drop(name_of(left.oid), left.begun)
            except Exception:  # noqa: BLE001  (each library for a place has errors of its own)
                return  # the note stays, and the next push tries again
            left.forget()


def _is_settled(place: Place, pointer: Pointer, sending: Sending, watch: Watch) -> bool:
    """Whether what is there in its full size is right, as far as that is to be doubted.

    It is where we were cut off between sending it under its own name and reading it back.
    """
    if not sending.is_known:
        return True
    name = name_of(pointer.oid)
    try:
        if place.is_atomic:
            _verify(place, name, pointer, watch)
    except AlteredContent:
        place.delete(name)
        sending.forget()
        return False
    place.drop(name, sending.begun)
    sending.forget()
    return True


def _send(place: Place, path: str, pointer: Pointer, sending: Sending, watch: Watch) -> None:
    name = name_of(pointer.oid)
    begun = place.begin(name, pointer.size, sending.begun)
    sending.note(begun)
    try:
        at = place.put(path, name, begun, watch.copied)
        _verify(place, at, pointer, watch)
        if at != name:
            place.move(at, name)
    except AlteredContent:
        place.delete(at)
        sending.forget()
        raise
    except BaseException as error:
        if is_full(error) or not sending.is_kept:
            place.drop(name, begun)
            sending.forget()
        raise
    sending.forget()


def _verify(place: Place, name: str, pointer: Pointer, watch: Watch) -> None:
    hasher, done = hashlib.sha256(), 0
    with place.read(name) as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            done += len(chunk)
            watch.checked(done)
    if hasher.hexdigest() != pointer.oid:
        raise AlteredContent(pointer)


def _download(ends: Ends, pointer: Pointer, watch: Watch) -> bool:
    """Whether it had to be copied."""
    if ends.store.find(pointer) is not None:
        return False
    found = ends.place.size(name_of(pointer.oid))
    if found is None:
        raise GitxpError("it is not in the storage")
    if found != pointer.size:
        raise AlteredContent(pointer)
    with Coming(ends.common_dir, ends.store, pointer, watch.check) as coming:
        if ends.store.find(pointer) is not None:  # another process brought it meanwhile
            coming.clear()
            return False
        is_rest = coming.size() > 0
        if not _fetch(ends.place, pointer, coming, watch):
            coming.clear()
            if not is_rest or not _fetch(ends.place, pointer, coming, watch):
                coming.clear()
                raise AlteredContent(pointer)
        coming.publish()
    return True


def _fetch(place: Place, pointer: Pointer, coming: Coming, watch: Watch) -> bool:
    """Bring what is not here of an object; whether all of it is right."""
    hasher, done = hashlib.sha256(), 0
    os.lseek(coming.fd, 0, os.SEEK_SET)
    while chunk := os.read(coming.fd, _CHUNK):
        hasher.update(chunk)
        done += len(chunk)
        watch.copied(done)
    watch.copied(done)
    if done < pointer.size:
        with place.read(name_of(pointer.oid), done) as file:
            while done <= pointer.size and (chunk := file.read(_CHUNK)):
                hasher.update(chunk)
                write_all(coming.fd, chunk)
                done += len(chunk)
                watch.copied(done)
        if done < pointer.size:
            raise GitxpError(f"the storage sent {done:,} of its {pointer.size:,} bytes, and no more")
    return hasher.hexdigest() == pointer.oid
