"""What can go wrong, and what to do next.

Every failure that a user can cause is a `GitxpError`: one sentence that says what happened to what, a hint that
says what to do, and the exit status that `docs/scripting.md` documents. Only the command line turns them into text.

    GitxpError 1
    ├── UsageError 2            the words of the command do not fit together
    ├── NotARepository 3        no repository here, or one that gitxp may not or cannot use
    ├── UnknownRun 4            no run answers to that name
    ├── AmbiguousRun 5          several do; `candidates` lists them
    ├── NameTaken 6             a run of that name exists
    ├── IllegalName 7           not a name that a run may have
    ├── ConfigError 8           gitxp.yaml cannot be read or says something that has no meaning
    ├── FormatError 9           a record that does not hold to docs/format.md
    │   └── NewerFormat 9       … because a newer gitxp wrote it
    ├── GitFailed 10            git, the program, said no; `stderr` has its words
    │   └── NoLfs 10            … because git-lfs was to upload large files to a remote without LFS
    ├── SnapshotFailed 11       the working tree could not be captured; the command was not started
    ├── SecretsFound 12         what is to be pushed looks like it holds secrets; nothing was pushed
    └── CommandNotFound 127     the command to run is not there (126: it is there and cannot be executed)

`gitxp run` exits with 125 for all of these but `UsageError` and `CommandNotFound`, so that they cannot be taken
for the command's own status.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class GitxpError(Exception):
    """An expected failure: `message` is one sentence, `hint` the next step."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GitxpError):
    """The words of the command do not fit together."""

    exit_code = 2


class NotARepository(GitxpError):
    """There is no repository with a working tree here, or git refuses it."""

    exit_code = 3


class UnknownRun(GitxpError):
    """No run answers to `text`."""

    exit_code = 4


class AmbiguousRun(GitxpError):
    """Several runs answer to the text; `candidates` are their names."""

    exit_code = 5

    def __init__(self, message: str, candidates: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.candidates = list(candidates)


class NameTaken(GitxpError):
    """A run of that name (or one that differs by case alone) exists."""

    exit_code = 6


class IllegalName(GitxpError):
    """The text is not a name that a run may have."""

    exit_code = 7


class ConfigError(GitxpError):
    """`gitxp.yaml`, or a file that an option names, cannot be read or has no meaning."""

    exit_code = 8


class FormatError(GitxpError):
    """Bytes in the repository do not hold to docs/format.md."""

    exit_code = 9

    @property
    def sentence(self) -> str:
        """The message, which may be a clause, and the hint, as sentences."""
        text = self.message[:1].upper() + self.message[1:].rstrip(".") + "."
        return f"{text} {self.hint}" if self.hint else text


class NewerFormat(FormatError):
    """The record was written by a newer gitxp; `found` and `supported` are format versions."""

    def __init__(self, found: int, supported: int) -> None:
        super().__init__(
            f"This run uses format {found}; this gitxp reads formats up to {supported}.",
            hint="Upgrade gitxp: pip install --upgrade gitxp",
        )
        self.found = found
        self.supported = supported


# What git says where it waited for a lock in vain.
_LOCKED = (".lock': File exists", "packed-refs.new': File exists", "Another git process seems to be running")
# What git says where a folder of the repository is not to be written to; what the other side says stands behind `remote: `.
_DENIED = (
    ": Permission denied",
    ": Read-only file system",
    "insufficient permission for adding an object to repository",
    "unable to create directory for ",
)
_WRITING = ("nable to create ", "could not create leading directories of ", "cannot lock ref ", "adding an object to ")
READ_ONLY_HINT = "Runs are kept in the repository's own folder: make that writable, or work in a clone."


def find_unwritable(stderr: str) -> str | None:
    """What git said, where it was that it may not write to the repository."""
    for line in stderr.splitlines():
        begin, _, words = line.partition(": ")
        is_ours = begin in {"fatal", "error"} and any(text in words for text in _WRITING)
        if is_ours and any(text in words for text in _DENIED):
            return words.removesuffix(".")
    return None


class GitFailed(GitxpError):
    """git exited with `status`; `stderr` is what it said (bytes decoded, not made safe for a terminal)."""

    exit_code = 10

    def __init__(self, args: Sequence[str], status: int, stderr: str, *, hint: str | None = None) -> None:
        words = stderr.strip().splitlines()
        fatal = [line for line in words if line.startswith(("fatal: ", "error: "))]
        said = (fatal or words or [f"exit status {status}"])[-1]
        end = "" if said.endswith((".", "!", "?")) else "."
        if any(words in stderr for words in _LOCKED):
            hint = hint or "Another git is at work here, or one was killed: then gitxp doctor --fix mends it."
        command = f"git {args[0] if args else ''}"
        message = f"{command} failed: {said}{end}"
        unwritable = find_unwritable(stderr)
        if unwritable:
            hint = hint or READ_ONLY_HINT
            message = f"The repository cannot be written to ({command}: {unwritable})."
        super().__init__(
            message,
            hint=hint or "If git itself says the same, mend that first: git status, git fsck.",
        )
        self.command = list(args)
        self.status = status
        self.stderr = stderr


class NoLfs(GitFailed):
    """git-lfs was to upload large files, and the remote called `label` has no LFS; nothing was pushed."""

    def __init__(self, label: str, status: int, stderr: str, words: str) -> None:
        super().__init__(
            ("push",),
            status,
            f"{label} has no LFS, and these runs have large files ({words})",
            hint="Name a storage in gitxp.yaml (docs/howto/large-files.md), or leave them here: GIT_LFS_SKIP_PUSH=1 gitxp push",
        )
        self.stderr = stderr


class SnapshotFailed(GitxpError):
    """The working tree could not be captured, so nothing was started."""

    exit_code = 11


class SecretsFound(GitxpError):
    """What was to leave the machine looks like it holds secrets, so nothing did."""

    exit_code = 12


class CommandNotFound(GitxpError):
    """The command to run does not exist (127) or cannot be executed (126)."""

    exit_code = 127

    def __init__(self, message: str, *, hint: str | None = None, executable: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 127 if executable else 126


def some_of(texts: Sequence[str], most: int, between: str = ", ") -> str:
    """Several texts in a sentence, of many the first, and how many more there are: `a, b and 12 more`."""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more
