"""What a push would send, for a terminal: one line of numbers, the files, the likely secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.leaving import FILE_NAME
from gitxp.render.safe import visible
from gitxp.render.words import count_text, runs_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.leaving import Leaving, LikelySecret

_MOST_SECRETS = 20
_LONGEST_PATH = 200
_ELLIPSIS = "…"


def leaving_lines(leaving: Leaving, remote: str, url: str, width: int) -> list[str]:
    """The lines, harmless for a terminal; lists end with `and N more` where a line of `width` has no room for all.

    Take passwords out of `url` first. Likely secrets are told by `secret_lines`.
    """
    where = visible(remote) if url == remote else f"{visible(remote)} ({visible(url)})"
    sent = f"{count_text(leaving.objects, 'object')}, {size_text(leaving.size)}"
    lines = [f"{runs_text(leaving.runs, leaving.archives)}, {sent}, to {where}"]
    if leaving.commits_of_branches:
        words = "goes along, which is" if leaving.commits_of_branches == 1 else "go along, which are"
        commits = count_text(leaving.commits_of_branches, "commit")
        lines.append(f"{commits} of branches {words} not there yet")
    if leaving.files:
        leave = "leaves" if len(leaving.files) == 1 else "leave"
        count = count_text(len(leaving.files), "file")
        opening = f"{count} {leave} this machine for the first time that no commit has: "
        items = [f"{_path_text(file.path)} ({size_text(file.size)})" for file in leaving.files]
        lines.append(opening + _as_many_as_fit(items, width - len(opening)))
    if leaving.modified:
        lines.append(f"{count_text(leaving.modified, 'changed file')} that nobody committed")
    return lines


def secret_lines(leaving: Leaving, most: int = _MOST_SECRETS) -> list[str]:
    """A line for each likely secret, at most so many, and one for what was not looked at; empty where there is neither."""
    lines = [_secret_text(secret) for secret in leaving.secrets[:most]]
    if len(leaving.secrets) > most:
        lines.append(f"and {len(leaving.secrets) - most:,} more")
    if leaving.unscanned:
        verb = "was" if leaving.unscanned == 1 else "were"
        what = f"{count_text(leaving.unscanned, 'file')} ({size_text(leaving.unscanned_size)})"
        lines.append(f"{what} {verb} not looked at for secrets: too large, or too many")
    return lines


def _secret_text(secret: LikelySecret) -> str:
    path, run = _path_text(secret.path), visible(secret.run)
    others = f" (and in {count_text(secret.runs - 1, 'more run')})" if secret.runs > 1 else ""
    if secret.kind == FILE_NAME:
        return f"{run}: {path} has a name that files with secrets have{others}"
    kind = visible(secret.kind)
    article = "an" if kind[:1] in set("AEIOaeio") or kind.startswith(("npm", "NPM")) else "a"
    return f"{run}: {path}:{secret.line} looks like {article} {kind}{others}: {visible(secret.excerpt)}"


def _path_text(path: str) -> str:
    shown = visible(path)
    return shown if len(shown) <= _LONGEST_PATH else shown[: _LONGEST_PATH - 1] + _ELLIPSIS


def _as_many_as_fit(items: Sequence[str], room: int) -> str:
    """The first items, one at the least, with how many there are more."""
    text = items[0]
    for number, item in enumerate(items[1:], start=1):
        left = len(items) - number - 1
        more = f" and {left:,} more" if left else ""
        if len(text) + len(f", {item}{more}") > room:
            return f"{text} and {len(items) - number:,} more"
        text += f", {item}"
    return text
