"""Versions that have holes, as far as a version's number tells.

Distributions mend a hole without a new number, so that it is a note and no warning. The table is short on purpose: what
concerns somebody who clones, fetches and checks out what others made.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from gitxp.git.program import find_git, parse_version
from gitxp.keeping.finding import ERROR, NOTE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.keeping.finding import Patient

OLDEST_GIT = (2, 34)
_ABOUT = "https://nvd.nist.gov/vuln/detail/"


class Hole(NamedTuple):
    """A hole, what it lets others do, and the versions that have it mended: one for each line of releases."""

    id: str
    what: str
    mended: tuple[tuple[int, ...], ...]


# https://github.com/git/git/security/advisories
GIT_HOLES = (
    Hole(
        "CVE-2022-24765",
        "another user's repository above the current folder runs commands",
        ((2, 34, 2), (2, 35, 2)),
    ),
    Hole(
        "CVE-2022-23521",
        "a .gitattributes file runs code",
        ((2, 34, 6), (2, 35, 6), (2, 36, 4), (2, 37, 5), (2, 38, 3), (2, 39, 1)),
    ),
    Hole(
        "CVE-2024-32002",
        "a clone with submodules runs a hook of the repository",
        ((2, 39, 4), (2, 40, 2), (2, 41, 1), (2, 42, 2), (2, 43, 4), (2, 44, 1), (2, 45, 1)),
    ),
    Hole(
        "CVE-2025-48384",
        "a clone with submodules writes to places that a name with a carriage return leads to",
        ((2, 43, 7), (2, 44, 4), (2, 45, 4), (2, 46, 4), (2, 47, 3), (2, 48, 2), (2, 49, 1), (2, 50, 1)),
    ),
)
# https://github.com/libgit2/libgit2/security/advisories
LIBGIT2_HOLES = (Hole("CVE-2024-24577", "an index that was made to harm runs code", ((1, 6, 5), (1, 7, 2))),)
# https://github.com/git-lfs/git-lfs/security/advisories
LFS_HOLES = (
    Hole("CVE-2024-53263", "an address with a line break in it is given another host's password", ((3, 6, 1),)),
)
# https://github.com/yaml/pyyaml/blob/main/CHANGES
YAML_HOLES = (Hole("CVE-2020-14343", "a YAML file runs code where it is loaded with all features", ((5, 4),)),)


def check_versions(patient: Patient) -> Iterator[Finding]:
    """git, git-lfs and the libraries that gitxp reads repositories with."""
    git = parse_version(patient.git.run("version").decode("utf-8", "replace"))
    if git and git < OLDEST_GIT:
        yield Finding(
            *(
                "old-git",
                ERROR,
                f"git {_text(git)} ({find_git()}) is too old: gitxp needs {_text(OLDEST_GIT)} or newer.",
            ),
            "Install a newer one: https://git-scm.com/downloads",
        )
    yield from _tell("git", git, GIT_HOLES)
    lfs = patient.git.ask("lfs", "version")  # git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)
    if not lfs.status:
        words = lfs.stdout.decode("utf-8", "replace").partition(" ")[0].partition("/")[2]
        yield from _tell("git-lfs", parse_version(f"git lfs {words}"), LFS_HOLES)
    from gitxp.git.libgit2 import libgit2_version

    yield from _tell("libgit2", libgit2_version(), LIBGIT2_HOLES)
    yield from _tell("PyYAML", parse_version(f"PyYAML version {metadata.version('pyyaml')}"), YAML_HOLES)


def is_mended(hole: Hole, version: tuple[int, ...]) -> bool:
    """Whether a version has the hole mended: it is as new as that of its own line, or newer than all lines."""
    ours = [mended for mended in hole.mended if mended[:2] == version[:2]]
    return version >= (ours[0] if ours else max(hole.mended))


def _tell(program: str, version: tuple[int, ...], holes: tuple[Hole, ...]) -> Iterator[Finding]:
    for hole in holes:
        if version and not is_mended(hole, version):
            yield Finding(
                *("known-hole", NOTE, f"{program} {_text(version)} has a known hole, {hole.id}: {hole.what}."),
                f"Upgrade it, unless your distribution mended it under the same number: {_ABOUT}{hole.id}",
            )


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
