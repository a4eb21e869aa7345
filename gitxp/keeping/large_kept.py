"""A ref by which git-lfs keeps the large files that only runs in archives and in the trash need: `refs/gitxp/large`.

`git lfs prune` keeps what the tips of recent refs have. An archive's tip has none of its runs' files, and the refs of the trash
are tags of objects that git-lfs does not follow; so this ref leads to a commit with a pointer of each such file, by its
sha256. It stays in this repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.store.writer import find_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitxp.git.program import Git
    from gitxp.keeping.pointers import HeldPointer

KEPT_REF = "refs/gitxp/large"
# git-lfs keeps what the tips of refs need that are no older than this; any ref, so those of runs, too.
RECENT = "lfs.fetchrecentrefsdays"
_LONG = 3650


def keeps_recent(git: Git) -> bool:
    """Whether git-lfs was told to keep what the tips of refs need, however old they are."""
    answer = git.ask("config", "--type=int", "--get", RECENT)
    return not answer.status and int(answer.stdout) >= _LONG


def list_kept_large(git: Git) -> set[str]:
    """The sha256 of the large files that are kept so."""
    listed = git.ask("ls-tree", "--name-only", "-z", KEPT_REF)
    return set() if listed.status else set(filter(None, listed.stdout.decode("utf-8", "replace").split("\0")))


def keep_large(git: Git, pointers: Iterable[HeldPointer], environ: Mapping[str, str], *, besides: bool = False) -> None:
    """Keep the large files of these pointers, and no others any more, unless `besides`.

    `environ` tells who the user is, as git takes it.
    """
    entries = {one.pointer.oid: f"100644 blob {one.file.oid}\t{one.pointer.oid}\0" for one in pointers}
    if besides:
        listed = git.ask("ls-tree", "-z", KEPT_REF)
        lines = [] if listed.status else listed.stdout.decode("utf-8", "replace").split("\0")
        entries = {line.partition("\t")[2]: f"{line}\0" for line in lines if line} | entries
    data = "".join(entries.values()).encode("utf-8")
    tree = git.run("mktree", "-z", data=data).decode("ascii").strip()
    name, _, email = find_identity(git, environ).committer.removesuffix(">").rpartition(" <")
    who = ("-c", f"user.name={name}", "-c", f"user.email={email}")
    message = b"Large files that only runs in archives and in the trash need\n"
    commit = git.run(*who, "commit-tree", tree, "-F", "-", data=message).decode("ascii").strip()
    git.run("update-ref", "-m", "gitxp: keep large files", KEPT_REF, commit)
