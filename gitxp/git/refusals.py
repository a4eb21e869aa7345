"""Why another side could not be asked, refused, or was not sent anything: of all that git and it said, the one line that tells.

git's last words are often only that it did not work, and what a host says stands among them in its own style.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitxp.errors import READ_ONLY_HINT, GitFailed, NoLfs, UnknownRun, find_unwritable
from gitxp.format import RUN_REFS
from gitxp.git.addresses import hide_credentials

if TYPE_CHECKING:
    from gitxp.errors import GitxpError
    from gitxp.git.program import Answer

# Lines of git's that say why, before or after one that only says that it did not work.
_GENERIC = (
    "Could not read from remote repository",
    "the remote end hung up",
    "early EOF",
    "expected flush",
    "fetch-pack",
)
# Hosts behind ssh say theirs in capitals (gitolite: FATAL, GitHub and GitLab: ERROR).
_REASONS = re.compile(
    r"fatal: |error: |FATAL: |ERROR: |remote: ERROR: |git: |ssh: |kex_exchange|Host key|git@|\S+: Permission denied \("
    r"|batch (?:request|response): "
)
# What is said where nobody could be asked, or nothing that was known or typed was right; and what helps.
_REMEDIES = {
    "terminal prompts disabled": "Nobody can be asked here: have a credential helper of git's keep it, or use a terminal",
    "Authentication failed": "Another password may be kept by a credential helper of git's, or stand in the address",
    "Host key verification failed": "ssh does not know this host, or knows another of its name; on a terminal it asks",
    "Permission denied (": "ssh has no key that is let in; on a terminal it asks for passphrases and passwords",
}
# Of servers without LFS: those that speak HTTP (404; GitLab and GitHub where it is turned off), and those with ssh alone.
_NO_LFS = re.compile(
    r"Repository or object not found: \S+/objects/batch|Git LFS is (?:not enabled|disabled)|Not Implemented: "
)
_NO_COMMAND = re.compile(r"git-lfs-authenticate\b.*")
_TRIALS = {"push": "push --dry-run"}  # who may read may not write everywhere
_UNSENT = "error: failed to push some refs to "
_UNVERIFIED = "Its own words are above. 'gitxp push --no-verify' passes over it."


def explain_failure(command: str, answer: Answer, remote: str) -> GitxpError:
    """Why the other side, `remote` in words, could not be asked: of what git said the first that tells, and no password in it."""
    said = hide_credentials(answer.stderr.decode("utf-8", "replace"))
    lines = [line.strip() for line in re.split(r"[\r\n]+", said)]
    missing = next((line for line in lines if "couldn't find remote ref " in line), None)
    if missing:
        name = missing.rpartition(" ")[2].removeprefix(RUN_REFS)
        return UnknownRun(f"There is no run {name!r} in {remote}.", hint=f"'gitxp pull {remote}' brings all.")
    refusal = find_refusal(said) if command == "push" else None
    if refusal is not None:
        return NoLfs(remote, answer.status, said, refusal)
    reasons = [line for line in lines if _REASONS.match(line) and not line.startswith(_UNSENT)]
    telling = [line for line in reasons if not any(words in line for words in _GENERIC)]
    if not reasons and any(line.startswith(_UNSENT) for line in lines):
        # nothing else makes git stop before it asks the other side for a single ref
        words, hint = "the hook pre-push refused it", _UNVERIFIED
    else:
        words = next(iter(telling or reasons), said)
        is_damaged = words.startswith("fatal: bad object ")  # of a ref here
        hint = "Look for damage: gitxp doctor" if is_damaged else _hint(command, said, remote)
        if find_unwritable(words):  # this repository, not the other one
            hint = READ_ONLY_HINT
    failure = GitFailed((command,), answer.status, words, hint=hint)
    failure.stderr = said
    return failure


def find_refusal(said: str) -> str | None:
    """git-lfs's words in what was said, where they are that the other side has no LFS."""
    for line in re.split(r"[\r\n]+", said):
        if _NO_LFS.search(line) or (line.startswith("batch ") and _NO_COMMAND.search(line)):
            return line.strip()
    return None


def _hint(command: str, said: str, remote: str) -> str:
    remedy = next(
        (f"{remedy}. Try it" for words, remedy in _REMEDIES.items() if words in said), "Try what git says to it"
    )
    return f"{remedy}: git {_TRIALS.get(command, 'ls-remote')} {remote}"
