"""Repositories that git was told to treat in some way of their own: flags, sparse checkouts, index formats, filters."""

from __future__ import annotations

import os
import sys

from states import Lab, Want, state


@state
def _assume_unchanged_and_edited(lab: Lab) -> Want:
    lab.git("update-index", "--assume-unchanged", "conf/a.yaml")
    lab.write("conf/a.yaml", "lr: 99\n")
    return Want(content={"conf/a.yaml": b"lr: 99\n"}, changes={"modified": 1})


@state
def _assume_unchanged_and_deleted(lab: Lab) -> Want:
    lab.git("update-index", "--assume-unchanged", "conf/a.yaml")
    os.unlink(lab.path("conf/a.yaml"))
    return Want(content={"conf/a.yaml": None}, changes={"deleted": 1})


@state
def _skip_worktree_and_edited(lab: Lab) -> Want:
    lab.git("update-index", "--skip-worktree", "conf/a.yaml")
    lab.write("conf/a.yaml", "lr: 99\n")
    return Want(content={"conf/a.yaml": b"lr: 99\n"}, changes={"modified": 1})


@state
def _skip_worktree_and_deleted(lab: Lab) -> Want:
    """Such a file is not on disk because the user asked for that: it stays in the tree."""
    lab.git("update-index", "--skip-worktree", "conf/a.yaml")
    os.unlink(lab.path("conf/a.yaml"))
    return Want(content={"conf/a.yaml": b"lr: 0.1\n"}, changes={})


@state
def _skip_worktree_and_assume_unchanged_at_once(lab: Lab) -> Want:
    for flag in ("--skip-worktree", "--assume-unchanged"):
        lab.git("update-index", flag, "conf/a.yaml", "conf/b.yaml")
    lab.write("conf/a.yaml", "lr: 99\n")
    return Want(content={"conf/a.yaml": b"lr: 99\n"}, changes={"modified": 1})


@state
def _assume_unchanged_with_names_that_hurt(lab: Lab) -> Want:
    names = ["new\nline", ":(top)x", os.fsdecode(b"caf\xe9"), "-q"]
    for name in names:
        lab.write(name)
    lab.commit()
    lab.git("update-index", "--assume-unchanged", "--", *names)
    for name in names:
        lab.write(name, "edited\n")
    return Want(content=dict.fromkeys(names, b"edited\n"), changes={"modified": 4})


@state
def _sparse_cone(lab: Lab) -> Want:
    lab.git("sparse-checkout", "set", "--cone", "src")
    assert not os.path.exists(lab.path("conf"))
    lab.write("src/model.py", "layers = 4\n")
    lab.write("src/new.py")
    return Want(
        content={"conf/a.yaml": b"lr: 0.1\n", "src/model.py": b"layers = 4\n"}, changes={"modified": 1, "untracked": 1}
    )


@state
def _sparse_patterns(lab: Lab) -> Want:
    lab.git("sparse-checkout", "set", "--no-cone", "/*", "!/conf/b.yaml", "!/src/deep/")
    assert not os.path.exists(lab.path("conf/b.yaml"))
    lab.write("conf/a.yaml", "lr: 5\n")
    return Want(
        content={"conf/a.yaml": b"lr: 5\n", "conf/b.yaml": b"lr: 0.2\n", "src/deep/down/x.txt": b"x\n"},
        changes={"modified": 1},
    )


@state
def _sparse_index(lab: Lab) -> Want:
    lab.git("sparse-checkout", "set", "--cone", "--sparse-index", "src")
    lab.write("src/model.py", "layers = 4\n")
    return Want(content={"conf/a.yaml": b"lr: 0.1\n", "src/model.py": b"layers = 4\n"}, changes={"modified": 1})


@state
def _sparse_and_files_outside_all_the_same(lab: Lab) -> Want:
    """A file of a folder that is not checked out, written by hand, is what the command will read."""
    lab.git("sparse-checkout", "set", "--cone", "src")
    lab.write("conf/a.yaml", "lr: 77\n")
    lab.write("conf/new.yaml", "lr: 78\n")
    return Want(
        content={"conf/a.yaml": b"lr: 77\n", "conf/new.yaml": b"lr: 78\n", "conf/b.yaml": b"lr: 0.2\n"},
        changes={"modified": 1, "untracked": 1},
    )


@state
def _sparse_index_and_files_outside_all_the_same(lab: Lab) -> Want:
    lab.git("sparse-checkout", "set", "--cone", "--sparse-index", "src")
    lab.write("conf/a.yaml", "lr: 77\n")
    lab.write("conf/new.yaml", "lr: 78\n")
    return Want(
        content={"conf/a.yaml": b"lr: 77\n", "conf/new.yaml": b"lr: 78\n", "conf/b.yaml": b"lr: 0.2\n"},
        changes={"modified": 1, "untracked": 1},
    )


@state
def _split_index(lab: Lab) -> Want:
    lab.git("update-index", "--split-index")
    lab.write("conf/a.yaml", "lr: 5\n")
    lab.git("add", "-A")
    lab.write("src/model.py", "layers = 5\n")
    assert any(name.startswith("sharedindex.") for name in os.listdir(lab.path(".git")))
    return Want(content={"conf/a.yaml": b"lr: 5\n", "src/model.py": b"layers = 5\n"}, changes={"modified": 2})


@state
def _index_version_4(lab: Lab) -> Want:
    lab.git("update-index", "--index-version", "4")
    lab.write("src/model.py", "layers = 5\n")
    lab.write("new.py")
    return Want(changes={"modified": 1, "untracked": 1})


@state
def _untracked_cache(lab: Lab) -> Want:
    lab.git("update-index", "--force-untracked-cache")
    lab.git("status")
    lab.write("new/one.py")
    lab.write("src/two.py")
    lab.write("src/model.py", "layers = 5\n")
    return Want(changes={"modified": 1, "untracked": 2})


@state
def _fsmonitor_that_lies(lab: Lab) -> Want:
    """A monitor that says that nothing ever changed does not hide an edit."""
    lab.write("../liar", "#!/bin/sh\nprintf 'token\\0'\n", 0o755)
    lab.git("config", "core.fsmonitor", lab.path("../liar"))
    lab.git("status")
    lab.git("update-index", "--fsmonitor")
    lab.git("status")
    lab.write("src/model.py", "layers = 5\n")
    lab.write("new.py")
    return Want(content={"src/model.py": b"layers = 5\n"}, changes={"modified": 1, "untracked": 1})


@state
def _hooks_are_not_for_us(lab: Lab) -> Want:
    names = ("post-index-change", "reference-transaction", "pre-commit", "post-commit", "post-checkout", "pre-auto-gc")
    for name in names:
        lab.write(f".git/hooks/{name}", f"#!/bin/sh\necho {name} >> '{lab.path('hooked')}'\nexit 1\n", 0o755)
    lab.write("src/model.py", "layers = 5\n")
    return Want(content={"hooked": None}, changes={"modified": 1})


@state
def _clean_filter(lab: Lab) -> Want:
    lab.git("config", "filter.upper.clean", "tr a-z A-Z")
    lab.git("config", "filter.upper.smudge", "tr A-Z a-z")
    lab.write(".gitattributes", "*.up filter=upper\n")
    lab.write("tracked.up", "tracked\n")
    lab.commit()
    lab.write("tracked.up", "edited\n")
    lab.write("untracked.up", "untracked\n")
    return Want(content={"tracked.up": b"EDITED\n", "untracked.up": b"UNTRACKED\n"})


@state
def _clean_filter_that_fails(lab: Lab) -> Want:
    """Git stores the file as it is when a filter that is not required fails."""
    lab.git("config", "filter.broken.clean", "false")
    lab.write(".gitattributes", "*.x filter=broken\n")
    lab.write("a.x", "as it is\n")
    return Want(content={"a.x": b"as it is\n"})


@state
def _filter_process(lab: Lab) -> Want:
    """The long-running protocol that git-lfs speaks; this one rot13s."""
    lab.write("../rot13.py", ROT13)
    lab.git("config", "filter.rot.process", f"{sys.executable} -S -E '{lab.path('../rot13.py')}'")
    lab.git("config", "filter.rot.required", "true")
    lab.write(".gitattributes", "*.rot filter=rot\n")
    lab.write("tracked.rot", "abc\n")
    lab.commit()
    lab.write("tracked.rot", "nop\n")
    lab.write("untracked.rot", "xyz\n")
    return Want(content={"tracked.rot": b"abc\n", "untracked.rot": b"klm\n"}, changes={"modified": 1, "untracked": 1})


ROT13 = """
import codecs, sys
def read():
    size = int(sys.stdin.buffer.read(4) or b'0', 16)
    return sys.stdin.buffer.read(size - 4) if size else None
def lines():
    found = []
    while (line := read()) is not None:
        found.append(line)
    if not found:
        sys.exit()
    return found
def send(*parts):
    for part in parts:
        sys.stdout.buffer.write(b'%04x' % (len(part) + 4) + part if part is not None else b'0000')
    sys.stdout.buffer.flush()
lines()
send(b'git-filter-server\\n', b'version=2\\n', None)
lines()
send(b'capability=clean\\n', b'capability=smudge\\n', None)
while True:
    lines()
    data = []
    while (part := read()) is not None:
        data.append(part)
    text = codecs.encode(b''.join(data).decode(), 'rot13').encode()
    send(b'status=success\\n', None, text, None, None)
"""


@state
def _line_ends(lab: Lab) -> Want:
    lab.git("config", "core.autocrlf", "true")
    lab.git("config", "core.safecrlf", "true")
    lab.write("dos.txt", "one\r\ntwo\r\n")
    lab.write("mixed.txt", "one\r\ntwo\n")
    lab.write("binary.bin", b"one\r\n\0two\r\n")
    lab.write("README.md", "# a project\r\n")
    return Want(
        content={"dos.txt": b"one\ntwo\n", "mixed.txt": b"one\ntwo\n", "binary.bin": b"one\r\n\0two\r\n"},
        changes={"untracked": 3},
    )


@state
def _attributes(lab: Lab) -> Want:
    lab.write(".gitattributes", "*.id ident\n*.u16 working-tree-encoding=UTF-16LE-BOM text\n*.crlf text eol=crlf\n")
    lab.write("a.id", "$Id: 0000000000000000000000000000000000000000 $\n")
    lab.write("a.u16", "\ufeffwide\n".encode("utf-16-le"))
    lab.write("a.crlf", "one\r\n")
    return Want(content={"a.id": b"$Id$\n", "a.u16": b"wide\n", "a.crlf": b"one\n"})


@state
def _attributes_in_the_git_folder(lab: Lab) -> Want:
    lab.write(".git/info/attributes", "*.crlf text eol=crlf\n")
    lab.write("a.crlf", "one\r\n")
    return Want(content={"a.crlf": b"one\n"}, changes={"untracked": 1})


@state
def _settings_that_change_what_git_says(lab: Lab) -> Want:
    """What users like to see on their screens changes nothing in what is recorded."""
    settings = {
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "true",
        "status.branch": "true",
        "status.short": "true",
        "status.showStash": "true",
        "status.renames": "copies",
        "color.ui": "always",
        "column.ui": "always",
        "core.quotePath": "true",
        "core.abbrev": "5",
        "core.pager": "false",
        "core.commentChar": "x",
        "core.checkStat": "minimal",
        "core.trustctime": "false",
        "core.preloadIndex": "false",
        "core.sharedRepository": "group",
        "core.logAllRefUpdates": "false",
        "core.compression": "0",
        "diff.noprefix": "true",
        "diff.external": "false",
        "diff.renames": "copies",
        "diff.ignoreSubmodules": "all",
        "diff.relative": "true",
        "log.showSignature": "true",
        "log.date": "relative",
        "log.decorate": "full",
        "format.pretty": "oneline",
        "i18n.commitEncoding": "latin1",
        "i18n.logOutputEncoding": "latin1",
        "submodule.recurse": "true",
        "feature.manyFiles": "true",
        "index.sparse": "true",
        "commit.gpgSign": "true",
        "user.useConfigOnly": "true",
        "fastimport.unpackLimit": "1",
        "transfer.hideRefs": "refs/experiments",
        "safe.bareRepository": "explicit",
    }
    for key, value in settings.items():
        lab.git("config", key, value)
    lab.write("src/model.py", "layers = 5\n")
    lab.write("src/new \u00fc.py")
    return Want(cwd="src", changes={"modified": 1, "untracked": 1})


@state
def _links_that_are_files(lab: Lab) -> Want:
    """Where git is told that there are no symbolic links, a file with the target in it is one."""
    lab.git("config", "core.symlinks", "false")
    os.unlink(lab.path("link"))
    lab.write("link", "README.md")
    return Want(content={"link": b"README.md"}, changes={"modified": 1})


@state
def _staged_executable_bits(lab: Lab) -> Want:
    lab.git("config", "core.fileMode", "false")
    lab.git("update-index", "--chmod=+x", "README.md")
    return Want(changes={"modified": 1})
