"""What a push would send: said before it is sent, for what was pushed once cannot be taken back.

Three questions: how much; which files that the user never committed; what in them looks like a secret. The last two are
asked of commits that neither the user's branches and tags nor the remote have: each is compared with its first parent, so
that a file is met where a run brought it, in the run's later commits as well as in its first. What was
committed to a branch is the user's own affair and is not looked at.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.secrets.files import is_likely_secret, matches
from gitxp.capture.secrets.scan import scan
from gitxp.errors import FormatError
from gitxp.format import ARTIFACTS_FOLDER, DATA_FOLDER, FOLDER, METRICS_FOLDER, RECORD_PATH, RUN_REFS, Oid
from gitxp.git.contents import check_objects
from gitxp.git.extent import Extent
from gitxp.git.reach import count_commits, find_own_objects, list_changes, list_own_commits, measure
from gitxp.git.refs import is_archive
from gitxp.leaving import FILE_NAME, Leaving, LeavingFile, LikelySecret
from gitxp.store.archives import LIST_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.reach import Change

# Numbers and lists of fingerprints: large, and written by gitxp itself.
_PLAIN = (METRICS_FOLDER + "/", DATA_FOLDER + "/")
_ARTIFACTS = ARTIFACTS_FOLDER + "/"
_MOST_OF_ONE = 100  # findings of one file


class Bounds(NamedTuple):
    """How much is looked at for secrets: bytes of one file, bytes and files in all; and how many findings are enough."""

    file_size: int = 1 << 20
    total_size: int = 64 << 20
    files: int = 20_000
    findings: int = 1000


class Names(NamedTuple):
    """`snapshot.secrets` and `snapshot.allow` of gitxp.yaml: globs of further likely secrets, and of what is none."""

    secret: Sequence[str] = ()
    allowed: Sequence[str] = ()


class _Place:
    """Where a blob was met first, and in which runs."""

    __slots__ = ("is_new", "is_snapshot", "path", "runs")

    def __init__(self, path: str, *, is_snapshot: bool) -> None:
        self.path = path
        self.is_snapshot = is_snapshot  # a file of the user's, which no commit of theirs has
        self.is_new = False  # … at a path that the base does not have
        self.runs: dict[str, None] = {}

    @property
    def users_path(self) -> str | None:
        """The path that the user knows it by; None for gitxp's own files."""
        if self.path.startswith(_ARTIFACTS):
            return self.path.removeprefix(_ARTIFACTS)
        return None if _is_ours(self.path) else self.path


def survey_leaving(
    git: Git,
    objects: Objects,
    runs: Sequence[tuple[str, Oid, Oid | None]],
    there: Collection[Oid],
    progress: Callable[[int, int], None] | None = None,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008  (it is a tuple)
    names: Names = Names(),  # noqa: B008
) -> Leaving:
    """What a push of these runs (name, tip, base) would send to a remote that has the commits `there`.

    `progress` is called with how many files were looked at for secrets, and how many there are to look at. Raises
    `GitFailed`. The repository must have the commits `there`; what it has not is taken for not there.
    """
    tips = [tip for _, tip, _ in runs]
    places, commits, traps = _places(git, objects, runs, there)
    own = find_own_objects(git, tips, there, places)
    places = {oid: place for oid, place in places.items() if oid in own}
    sizes = {Oid(oid): size for oid, kind, size in check_objects(git, list(places)) if kind == "blob"}
    count, size = measure(git, tips, there)
    files = [LeavingFile(_first(place), place.path, sizes.get(oid, 0)) for oid, place in places.items() if place.is_new]
    search = _Search(objects, bounds, names.allowed)
    search.unscanned = traps
    search.look_at(places, sizes, progress)
    archives = sum(is_archive(RUN_REFS + name) for name, _, _ in runs)
    return Leaving(
        runs=len(runs) - archives,
        archives=archives,
        objects=count,
        size=size,
        commits_of_branches=count_commits(git, tips, there) - commits,
        files=tuple(sorted(files, key=lambda file: (file.path, file.run))),
        modified=sum(place.is_snapshot and not place.is_new for place in places.values()),
        secrets=(*_named(places, names), *search.results()),
        scanned=search.scanned,
        unscanned=search.unscanned,
        unscanned_size=search.unscanned_size,
    )


def _places(
    git: Git, objects: Objects, runs: Sequence[tuple[str, Oid, Oid | None]], there: Collection[Oid]
) -> tuple[dict[Oid, _Place], int, int]:
    """The files that commits bring which only runs reach; how many such commits there are, and how many of them are traps.

    A trap has too many files for anybody to look at.
    """
    tips = {tip: name for name, tip, _ in reversed(runs)}
    bases = {base for _, _, base in runs if base} - tips.keys()
    # which run reaches a commit, and whether it is the run's: else it is of the user's history, and on no branch any more
    owners: dict[Oid, tuple[str, bool]] = {tip: (name, True) for tip, name in tips.items()}
    commits = []
    extent, traps = Extent(objects), 0
    for commit, parents in list_own_commits(git, list(tips), there):
        name, is_run = owners.get(commit, (commit[:12], True))  # a ref by hand may lead to a tag of it
        owners[commit] = name, is_run and commit not in bases
        for parent in parents:
            owners.setdefault(parent, owners[commit])
        if extent.is_trap(parents[0] if parents else None, commit):
            traps += 1
        else:
            commits.append((commit, parents))
    places: dict[Oid, _Place] = {}
    for changes in _by_commit(list_changes(git, commits)):
        gone = {change.before for change in changes if change.status == "D"}
        for change in changes:
            if change.status == "D" or change.path.startswith(_PLAIN):
                continue
            if not _is_list(objects, change, owners[change.commit][0]):
                _note(places, change, *owners[change.commit], is_moved=change.after in gone)
    return _in_order(places, [name for name, _, _ in runs]), len(commits) + traps, traps


def _is_list(objects: Objects, change: Change, name: str) -> bool:
    """Whether the file is the list of an archive, which gitxp wrote: in a commit that is no run's."""
    if change.path != LIST_PATH or not is_archive(RUN_REFS + name):
        return False
    return objects.find_entry(change.commit, RECORD_PATH) is None


def _in_order(places: Mapping[Oid, _Place], names: Sequence[str]) -> dict[Oid, _Place]:
    """The user's files first, then by the order of the runs that they were asked for in; and so the runs of each."""
    numbers = {name: number for number, name in enumerate(names)}
    for place in places.values():
        place.runs = dict.fromkeys(sorted(place.runs, key=lambda name: numbers.get(name, len(numbers))))

    def rank(item: tuple[Oid, _Place]) -> tuple[bool, int, str]:
        place = item[1]
        return not place.is_snapshot, numbers.get(_first(place), len(numbers)), place.path

    return dict(sorted(places.items(), key=rank))


def _note(places: dict[Oid, _Place], change: Change, run: str, is_run: bool, *, is_moved: bool) -> None:
    is_snapshot = is_run and not is_moved and not _is_ours(change.path)
    place = places.get(change.after)
    if place is None or (is_snapshot and not place.is_snapshot):
        runs = place.runs if place else {}
        place = places[change.after] = _Place(change.path, is_snapshot=is_snapshot)
        place.runs = runs
    place.runs[run] = None
    place.is_new = place.is_new or (is_snapshot and change.status == "A" and place.path == change.path)


def _by_commit(changes: Iterator[Change]) -> Iterator[list[Change]]:
    group: list[Change] = []
    for change in changes:
        if group and group[0].commit != change.commit:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _named(places: Mapping[Oid, _Place], names: Names) -> Iterator[LikelySecret]:
    """Files whose names say that they hold secrets."""
    found: dict[str, dict[str, None]] = {}
    for place in places.values():
        path = place.users_path
        if path is not None and is_likely_secret(path, names.secret, names.allowed):
            found.setdefault(place.path, {}).update(place.runs)
    for path, runs in found.items():
        yield LikelySecret(next(iter(runs)), path, 0, FILE_NAME, "", len(runs))


class _Search:
    """Looks into files until the bounds are reached. One finding in two versions of a file is one."""

    def __init__(self, objects: Objects, bounds: Bounds, allowed: Sequence[str]) -> None:
        self._objects = objects
        self._bounds = bounds
        self._allowed = allowed
        self._left = bounds.total_size
        self._found: dict[tuple[str, str, str, int], tuple[int, dict[str, None]]] = {}
        self.scanned = self.unscanned = self.unscanned_size = 0

    def look_at(
        self, places: Mapping[Oid, _Place], sizes: Mapping[Oid, int], progress: Callable[[int, int], None] | None
    ) -> None:
        """Scan the blobs, in the order of the places."""
        for number, (oid, place) in enumerate(places.items()):
            if progress is not None:
                progress(number, len(places))
            path = place.users_path
            if path is not None and matches(path, self._allowed):
                continue
            size = sizes.get(oid)
            data = self._read(oid, size)
            if data is None:
                self.unscanned += 1
                self.unscanned_size += size or 0
            else:
                self.scanned += 1
                self._left -= len(data)
                self._scan(data, place)
        if progress is not None:
            progress(len(places), len(places))

    def results(self) -> Iterator[LikelySecret]:
        """What was found, by the order of looking."""
        for (path, kind, excerpt, _), (line, runs) in self._found.items():
            yield LikelySecret(next(iter(runs)), path, line, kind, excerpt, len(runs))

    def _read(self, oid: Oid, size: int | None) -> bytes | None:
        if size is None or size > min(self._bounds.file_size, self._left):
            return None
        if self.scanned >= self._bounds.files or len(self._found) >= self._bounds.findings:
            return None
        try:
            return self._objects.read_blob(oid, self._bounds.file_size)
        except FormatError:
            return None

    def _scan(self, data: bytes, place: _Place) -> None:
        equal: Counter[tuple[str, str]] = Counter()
        for finding in islice(scan(data, place.path), _MOST_OF_ONE):
            kind, excerpt = finding.kind, finding.excerpt
            equal[kind, excerpt] += 1
            key = (place.path, kind, excerpt, equal[kind, excerpt])
            self._found.setdefault(key, (finding.line, {}))[1].update(place.runs)


def _first(place: _Place) -> str:
    return next(iter(place.runs))


def _is_ours(path: str) -> bool:
    return path == FOLDER or path.startswith(FOLDER + "/")
