"""What came and what went, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.errors import some_of
from gitxp.render.safe import visible
from gitxp.render.table import Cell, text_table
from gitxp.render.words import count_text, runs_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.exchange import CopiedLarge, Going, Pulled, Pushed
    from gitxp.render.style import Style

_NAMED = 5  # names in one line; the others are counted
_TOLD = 50  # refs of a remote that are told one by one: it may have a million that are no runs
_LONGEST = 300
_BY_HOST = "[remote rejected]"  # how git says that it was not git here that refused
_SHALLOW = "shallow update not allowed"
_NO_POLICY = (_SHALLOW, "failed to update ref", "unpacker error")  # the host would take it, and could not


def pulled_lines(pulled: Pulled, remote: str, *, quiet: bool = False) -> Iterator[str]:
    """What came of a pull (`sharing.pull.Pulled`), a line for each kind of thing; with `quiet` what needs attention."""
    where = visible(remote)
    if not quiet:
        for names, words in (
            (pulled.created, "new"),
            (pulled.updated, "updated"),
            (pulled.merged, "merged with yours"),
        ):
            if names:
                yield f"{count_text(len(names), 'run')} {words}: {_some(names)}"
        for name, count in pulled.archives:
            yield f"The archive {visible(name)} came: {count_text(count, 'run')} in it"
    for there, here in pulled.renamed:
        yield f"{visible(there)} of {where} is another run than yours of that name: it is {visible(here)} here"
    if not quiet:
        yield from _stayed_lines(pulled, where)
    for left in pulled.left[:_TOLD]:
        yield f"{visible(left.name)} of {where} was not taken in: {_cut(left.reason)}."
    if len(pulled.left) > _TOLD:
        yield f"and {len(pulled.left) - _TOLD:,} more of {where} were not taken in (--json names them)"
    if not quiet and not (pulled.created or pulled.updated or pulled.merged or pulled.renamed or pulled.archives):
        yield f"Nothing new in {where}."


def _stayed_lines(pulled: Pulled, where: str) -> Iterator[str]:
    """What is otherwise there than here, and stays so."""
    for names, before, after in (
        (pulled.passed, "you removed stayed away", f" (gitxp pull {where} RUN brings it)"),
        (pulled.gone, f"{where} has no more; yours stay", ""),
        (pulled.folded, f"{where} has in an archive now; your refs stay", " (gitxp archive-refs folds them)"),
    ):
        if names:
            yield f"{count_text(len(names), 'run')} that {before}: {_some(names)}{after}"


def pulled_json(pulled: Pulled, large: Sequence[CopiedLarge] | None = None) -> dict[str, Any]:
    """The same for programs; with what came of large files, where they were asked for."""
    return {
        **({} if large is None else {"large": [large_json(one) for one in large]}),
        "created": pulled.created,
        "updated": pulled.updated,
        "merged": pulled.merged,
        "renamed": [{"there": there, "name": here} for there, here in pulled.renamed],
        "left": [{"name": left.name, "reason": left.reason} for left in pulled.left],
        "passed": pulled.passed,
        "gone": pulled.gone,
        "folded": pulled.folded,
        "archives": [{"name": name, "runs": count} for name, count in pulled.archives],
    }


def pushed_lines(pushed: Pushed, remote: str, *, dry_run: bool = False, quiet: bool = False) -> Iterator[str]:
    """What came of a push, a line for each kind of thing; with `quiet` what needs attention."""
    plan = pushed.outgoing
    if pushed.error is not None:
        yield f"{visible(remote)} got nothing: {_cut(pushed.error.message)}."
        return
    if not quiet:
        yield from _sent_lines(pushed, visible(remote), dry_run=dry_run)
    if pushed.large is not None:
        yield from large_lines(pushed.large, quiet=quiet)
    if pushed.held and pushed.large is not None:
        yield (
            f"{count_text(len(pushed.held), 'run')} stayed here, since not all of their large files got to "
            f"{visible(pushed.large.address)}: {_some(pushed.held)} (gitxp push tries again)"
        )
    if pushed.lacks_lfs and pushed.large is not None and not quiet:
        yield f"{visible(remote)} has no LFS: large files are in {visible(pushed.large.address)} alone"
    if pushed.unsent:
        yield (
            f"{count_text(pushed.unsent, 'large file')} stayed here, of which {visible(remote)} has pointers: let git-lfs "
            "upload them (git lfs install), or name a storage in gitxp.yaml"
        )
    yield from _kept_lines(pushed, visible(remote), dry_run=dry_run)
    told = (
        *(pushed.made, pushed.moved, pushed.refused, pushed.held),
        *(plan.going, plan.gone, plan.newer, plan.fetch_first, plan.received, plan.broken),
    )
    if not quiet and not any(told):
        yield f"{visible(remote)} has everything." if plan.same else "There are no runs to push."


def _sent_lines(pushed: Pushed, where: str, *, dry_run: bool) -> Iterator[str]:
    plan = pushed.outgoing
    if plan.merged:
        yield f"{count_text(len(plan.merged), 'run')} merged with what {where} had: {_some(plan.merged)}"
    if plan.received:
        yield f"{count_text(len(plan.received), 'run')} updated here with what {where} had: {_some(plan.received)}"
    if dry_run and plan.going:
        yield f"{_going_text(plan.going)} would go to {where}: {_some([g.name for g in plan.going])}"
    for going, words in ((pushed.made, "new"), (pushed.moved, "updated")):
        if going:
            yield f"{_going_text(going)} {words} in {where}: {_some([g.name for g in going])}"
    if plan.newer:
        yield f"{count_text(len(plan.newer), 'run')} newer in {where}: {_some(plan.newer)} (gitxp pull {where})"


def _going_text(going: Sequence[Going]) -> str:
    archives = sum(one.name.startswith("@") for one in going)  # which no run's name begins with
    return runs_text(len(going) - archives, archives)


def _kept_lines(pushed: Pushed, where: str, *, dry_run: bool) -> Iterator[str]:
    """What went otherwise than one would think, or not at all."""
    plan = pushed.outgoing
    would = "would be" if dry_run else "is"
    for going in [*pushed.made, *pushed.moved, *(plan.going if dry_run else ())]:
        if going.there != going.name:
            yield f"{visible(going.name)} {would} {visible(going.there)} in {where}: its name is another run's there"
    if plan.gone:
        yield (
            f"{count_text(len(plan.gone), 'run')} that somebody removed in {where} stayed here: {_some(plan.gone)} "
            f"(gitxp push {where} RUN sends it all the same)"
        )
    for name, why in plan.broken.items():
        yield f"{visible(name)} cannot be sent: {_cut(why)}. (gitxp doctor)"
    for name in plan.fetch_first:
        if dry_run:
            yield f"{visible(name)} in {where} is not known here: a push would fetch it, and merge or rename what goes"
            continue
        why = f" ({_cut(plan.reasons[name])})" if name in plan.reasons else f": gitxp pull {where}"
        yield f"{visible(name)} in {where} has another history than yours, and nothing was sent for it{why}"
    for going, words in pushed.refused:
        yield f"{visible(going.name)} was refused by {where}: {_cut(words)}"
    if any(_SHALLOW in words for _, words in pushed.refused):
        yield f"Hint: This clone is shallow, and {where} lacks what the runs stand on: git fetch --unshallow"
    if any(_BY_HOST in words and not any(other in words for other in _NO_POLICY) for _, words in pushed.refused):
        yield f"Hint: Runs need a host that lets you make and move refs/experiments/*; {where} does not, or not these."


def pushed_json(pushed: Pushed, *, dry_run: bool) -> dict[str, Any]:
    """The same for programs."""
    return {
        **_pushed_json(pushed, dry_run=dry_run),
        "others": [_pushed_json(other, dry_run=dry_run) for other in pushed.others],
    }


def _pushed_json(pushed: Pushed, *, dry_run: bool) -> dict[str, Any]:
    plan = pushed.outgoing
    return {
        "to": pushed.to,
        "error": pushed.error and pushed.error.message,
        "dry_run": dry_run,
        "going": [_going(going) for going in plan.going] if dry_run else [],
        "created": [_going(going) for going in pushed.made],
        "updated": [_going(going) for going in pushed.moved],
        "merged": plan.merged,
        "received": plan.received,
        "refused": [{**_going(going), "reason": words} for going, words in pushed.refused],
        "broken": [{"name": name, "reason": why} for name, why in plan.broken.items()],
        "newer": plan.newer,
        "gone": plan.gone,
        "large": pushed.large and large_json(pushed.large),
        "lacks_lfs": pushed.lacks_lfs,
        "held": pushed.held,
        "unsent": pushed.unsent,
        "unrelated": plan.fetch_first,
        "same": plan.same,
    }


def large_json(large: CopiedLarge) -> dict[str, Any]:
    """The same of large files, for programs."""
    failed = [{"sha256": oid, "reason": reason} for oid, reason in large.failed]
    return {"address": large.address, "copied": large.copied, "there": large.there, "failed": failed}


def large_lines(large: CopiedLarge, *, quiet: bool = False) -> Iterator[str]:
    """What came of large files."""
    if large.copied and not quiet:
        yield f"{count_text(large.copied, 'large file')} copied, with {visible(large.address)}"
    for oid, reason in large.failed[:_NAMED]:
        yield f"The large file {visible(oid[:12])} was not copied: {_cut(reason)}."
    if len(large.failed) > _NAMED:
        yield f"and {len(large.failed) - _NAMED:,} more large files were not copied"


def _going(going: Going) -> dict[str, str]:
    return {"name": going.name, "there": going.there, "commit": going.tip}


def render_remotes(remotes: Sequence[Mapping[str, Any]], style: Style) -> str:
    """A table of remotes."""
    rows = [
        [
            Cell(value_text(remote["name"], _LONGEST)),
            Cell(f"{remote['runs']:,}"),
            Cell(f"{remote['unpushed']:,}"),
            Cell(value_text(remote["url"], _LONGEST)),
        ]
        for remote in remotes
    ]
    return text_table(("remote", "runs", "unpushed", "address"), rows, right=[False, True, True, False], style=style)


def _some(names: Sequence[str]) -> str:
    return some_of(list(map(visible, names)), _NAMED)


def _cut(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…").rstrip(".")
