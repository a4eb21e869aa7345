"""Objects by libgit2, in this process: the one module that imports pygit2."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from gitxp.git.objects import MissingObject, TooLarge, WrongObject
from gitxp.git.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.errors import FormatError
    from gitxp.format import Oid
    from gitxp.git.objects import Beside
    from gitxp.git.program import Git

# Commits and trees that are kept: whoever asks for two paths of one commit reads them once.
_RECENT = 4


class Libgit2(Reader):
    """Objects by libgit2, in this process."""

    def __init__(self, git: Git, repository: Any) -> None:
        super().__init__(git)
        import pygit2

        self._repository = repository
        self._database = repository.odb
        self._errors = (KeyError, ValueError, pygit2.GitError)
        self._recent: dict[Oid, tuple[str, bytes]] = {}

    @classmethod
    def open(cls, git: Git, common_dir: str) -> Libgit2 | None:
        """The repository, or None where libgit2 cannot open it: SHA-256, reftable, extensions that it does not know."""
        import pygit2
        from pygit2.enums import ConfigLevel, RepositoryOpenFlag

        # Nobody's configuration is read but the repository's own. git has already looked at whose it is.
        for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL, ConfigLevel.PROGRAMDATA):
            pygit2.settings.search_path[level] = ""
        pygit2.settings.owner_validation = False
        try:
            repository = pygit2.Repository(common_dir, RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.BARE)
        except (pygit2.GitError, KeyError, ValueError):
            return None
        if "extensions.partialclone" in repository.config:  # git fetches what is not here; libgit2 cannot
            return None
        return cls(git, repository)

    def close(self) -> None:
        """Close the files that libgit2 has open."""
        self._repository.free()

    def read_beside(self, commits: Sequence[Oid], path: str, folder: str) -> Iterator[Beside]:
        """The file at one path and the entries of one folder in each of many commits, in their order, read by git."""
        from gitxp.git.cat_file import CatFile

        with contextlib.closing(CatFile(self._git)) as reader:
            yield from reader.read_beside(commits, path, folder)

    def get_size(self, oid: Oid) -> int:
        """How many bytes an object has."""
        return self._read_header(oid)[1]

    def _read_header(self, oid: Oid) -> tuple[str, int]:
        try:
            kind, size = self._database.read_header(oid)
        except self._errors as error:
            raise _translate(error, oid) from error
        return _KINDS.get(kind, "unknown object"), size

    def _read(self, oid: Oid, limit: int | None = None) -> tuple[str, bytes]:
        if oid in self._recent:
            return self._recent[oid]
        kind, data = self._read_stored(oid, limit)
        if kind != "blob":
            if len(self._recent) == _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[oid] = kind, data
        return kind, data

    def _read_stored(self, oid: Oid, limit: int | None) -> tuple[str, bytes]:
        if limit is not None:
            kind, size = self._read_header(oid)
            if size > limit:
                raise TooLarge(f"{kind} {oid[:12]}", size, limit)
        try:
            number, data = self._database.read(oid)
        except self._errors as error:
            raise _translate(error, oid) from error
        return _KINDS.get(number, "unknown object"), data


_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


def _translate(error: Exception, oid: Oid) -> FormatError:
    if isinstance(error, KeyError):
        return MissingObject(oid)
    return WrongObject(f"object {oid[:12]} cannot be read: {error}", hint="Look for damage with 'git fsck'.")


def libgit2_version() -> tuple[int, ...]:
    """The version of libgit2 that pygit2 brings."""
    import pygit2

    return tuple(int(part) for part in pygit2.LIBGIT2_VERSION.split(".") if part.isdigit())
