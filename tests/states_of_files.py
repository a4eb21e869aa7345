"""Working trees: what a user, a program or an accident may do to files between a commit and a run."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from states import Lab, Want, state


@state
def _clean(lab: Lab) -> Want:
    del lab
    return Want(changes={})


@state
def _modified(lab: Lab) -> Want:
    lab.write("train.py", "print('more training')\n", 0o755)
    return Want(content={"train.py": b"print('more training')\n"}, changes={"modified": 1})


@state
def _modified_with_the_same_size_and_mtime(lab: Lab) -> Want:
    """The case that git's racy-file rule is for: the index was written in the same tick as the file."""
    before = os.stat(lab.path("conf/a.yaml"))
    lab.write("conf/a.yaml", "lr: 0.9\n")
    os.utime(lab.path("conf/a.yaml"), ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(lab.path(".git/index"), ns=(before.st_mtime_ns, before.st_mtime_ns))
    return Want(content={"conf/a.yaml": b"lr: 0.9\n"}, changes={"modified": 1})


@state
def _staged_and_then_edited(lab: Lab) -> Want:
    lab.write("train.py", "staged\n", 0o755)
    lab.git("add", "train.py")
    lab.write("train.py", "on disk\n", 0o755)
    return Want(content={"train.py": b"on disk\n"}, changes={"modified": 1})


@state
def _staged_and_then_put_back(lab: Lab) -> Want:
    lab.write("conf/a.yaml", "lr: 0.9\n")
    lab.git("add", "-A")
    lab.write("conf/a.yaml", "lr: 0.1\n")
    return Want(content={"conf/a.yaml": b"lr: 0.1\n"}, changes={})


@state
def _staged_new_file(lab: Lab) -> Want:
    lab.write("new.py")
    lab.git("add", "new.py")
    return Want(changes={"added": 1})


@state
def _staged_new_file_that_is_gone(lab: Lab) -> Want:
    lab.write("new.py")
    lab.git("add", "new.py")
    os.unlink(lab.path("new.py"))
    return Want(content={"new.py": None}, changes={})


@state
def _staged_although_ignored(lab: Lab) -> Want:
    lab.write("build/result.o")
    lab.write("build/other.o")
    lab.git("add", "-f", "build/result.o")
    return Want(content={"build/result.o": b"new\n", "build/other.o": None}, changes={"added": 1})


@state
def _deleted(lab: Lab) -> Want:
    os.unlink(lab.path("README.md"))
    return Want(content={"README.md": None}, changes={"deleted": 1})


@state
def _deleted_and_staged(lab: Lab) -> Want:
    lab.git("rm", "-q", "README.md")
    return Want(content={"README.md": None}, changes={"deleted": 1})


@state
def _everything_deleted(lab: Lab) -> Want:
    lab.git("rm", "-qr", ".")
    return Want()


@state
def _removed_from_the_index_alone(lab: Lab) -> Want:
    lab.git("rm", "-q", "--cached", "README.md")
    return Want(content={"README.md": b"# a project\n"})


@state
def _removed_from_the_index_and_ignored(lab: Lab) -> Want:
    """Git add -A would not take it up again: neither does a snapshot."""
    lab.git("rm", "-q", "--cached", "README.md")
    lab.write(".git/info/exclude", "README.md\n")
    return Want(content={"README.md": None}, changes={"deleted": 1})


@state
def _renamed(lab: Lab) -> Want:
    lab.git("mv", "src/model.py", "src/network.py")
    return Want(content={"src/model.py": None, "src/network.py": b"layers = 3\n"})


@state
def _intent_to_add(lab: Lab) -> Want:
    lab.write("soon.py", "soon\n")
    lab.git("add", "-N", "soon.py")
    return Want(content={"soon.py": b"soon\n"})


@state
def _intent_to_add_and_gone(lab: Lab) -> Want:
    lab.write("soon.py", "soon\n")
    lab.git("add", "-N", "soon.py")
    os.unlink(lab.path("soon.py"))
    return Want(content={"soon.py": None}, changes={})


@state
def _untracked(lab: Lab) -> Want:
    lab.write("notes.txt", "a note\n")
    lab.write("new/deep/module.py", "x = 1\n")
    return Want(content={"notes.txt": b"a note\n", "new/deep/module.py": b"x = 1\n"}, changes={"untracked": 2})


@state
def _empty_files_and_folders(lab: Lab) -> Want:
    lab.write("empty", b"")
    os.makedirs(lab.path("hollow/inside"))
    return Want(content={"empty": b""}, changes={"untracked": 1})


@state
def _ignored(lab: Lab) -> Want:
    lab.write("build/x", "x")
    lab.write("src/a.o", "x")
    return Want(content={"build/x": None, "src/a.o": None}, changes={})


@state
def _ignored_in_many_ways(lab: Lab) -> Want:
    lab.write(".git/info/exclude", "by-info\n")
    lab.write("elsewhere/ignore", "by-global\n")
    lab.git("config", "core.excludesFile", lab.path("elsewhere/ignore"))
    lab.write("src/.gitignore", "*.log\n!keep.log\n/deep/down/y.txt\n")
    for path in ("by-info", "by-global", "src/a.log", "src/keep.log", "src/deep/down/y.txt", "other/a.log"):
        lab.write(path)
    none = ("by-info", "by-global", "src/a.log", "src/deep/down/y.txt")
    return Want(content={"src/keep.log": b"new\n", "other/a.log": b"new\n", **dict.fromkeys(none)})


@state
def _executable_bits(lab: Lab) -> Want:
    os.chmod(lab.path("train.py"), 0o644)
    os.chmod(lab.path("src/model.py"), 0o755)  # noqa: S103  (that is what is tested)
    lab.write("tool", "#!/bin/sh\n", 0o755)
    return Want(changes={"modified": 2, "untracked": 1})


@state
def _executable_bits_that_git_is_told_to_ignore(lab: Lab) -> Want:
    lab.git("config", "core.fileMode", "false")
    os.chmod(lab.path("train.py"), 0o644)
    lab.write("tool", "#!/bin/sh\n", 0o755)
    return Want(changes={"untracked": 1})


@state
def _symbolic_links(lab: Lab) -> Want:
    os.symlink("nowhere/at/all", lab.path("dangling"))
    os.symlink("src", lab.path("to-a-folder"))
    os.symlink("/etc/hostname", lab.path("out-of-the-repository"))
    os.symlink("itself", lab.path("itself"))
    os.symlink(b"caf\xe9\nx", os.fsencode(lab.path("odd-target")))
    os.unlink(lab.path("link"))
    os.symlink("README.md", lab.path("link"))
    return Want(
        content={"to-a-folder": b"src", "dangling": b"nowhere/at/all", "odd-target": b"caf\xe9\nx"},
        changes={"modified": 1, "untracked": 5},
    )


@state
def _tracked_folder_that_became_a_link(lab: Lab) -> Want:
    """What lies behind the link is not in the snapshot under the old names."""
    os.rename(lab.path("src"), lab.path("source"))
    os.symlink("source", lab.path("src"))
    return Want(content={"src": b"source", "src/model.py": None, "source/model.py": b"layers = 3\n"})


@state
def _file_that_became_a_folder(lab: Lab) -> Want:
    os.unlink(lab.path("README.md"))
    lab.write("README.md/inside.txt", "in\n")
    return Want(content={"README.md/inside.txt": b"in\n"})


@state
def _folder_that_became_a_file(lab: Lab) -> Want:
    shutil.rmtree(lab.path("src"))
    lab.write("src", "flat\n")
    return Want(content={"src": b"flat\n"})


@state
def _link_that_became_a_file_and_a_file_that_became_a_link(lab: Lab) -> Want:
    os.unlink(lab.path("link"))
    lab.write("link", "a file\n")
    os.unlink(lab.path("README.md"))
    os.symlink("train.py", lab.path("README.md"))
    return Want(content={"link": b"a file\n", "README.md": b"train.py"}, changes={"modified": 2})


@state
def _names_that_hurt(lab: Lab) -> Want:
    names = [
        *("tab\there", "new\nline", "\n", 'quote"d', "back\\slash", "-dash", "--all", ":colon", ":(top)magic", ":!x"),
        *(
            "*star?[x]",
            " lead",
            "trail ",
            "#hash",
            "!bang",
            "a b/c d/e f",
            "{brace}",
            "$dollar",
            "`tick`",
            "\x01\x1b[31m",
        ),
        *(
            "caf\u00e9",
            "cafe\u0301",
            "\u202ertl",
            "\U0001f600",
            "n" * 255,
            os.fsdecode(b"caf\xe9"),
            os.fsdecode(b"\xff/\xfe"),
        ),
        *("deep/" * 60 + "end", ".hidden", "...", "..a", "HEAD", "refs/heads/main", "gitxp", ".gitxpx"),
    ]
    for number, name in enumerate(names):
        lab.write(name, f"{number}\n")
    return Want(
        content={name: f"{number}\n".encode() for number, name in enumerate(names)}, changes={"untracked": len(names)}
    )


@state
def _tracked_names_that_hurt(lab: Lab) -> Want:
    names = ["tab\t", "new\nline", '"', "-A", ":(glob)**", os.fsdecode(b"caf\xe9"), "gone\n"]
    for name in names:
        lab.write(name)
    lab.commit()
    for name in names[:-1]:
        lab.write(name, "edited\n")
    os.unlink(lab.path(names[-1]))
    wanted: dict[str, bytes | None] = dict.fromkeys(names[:-1], b"edited\n")
    return Want(content={**wanted, names[-1]: None}, changes={"modified": len(names) - 1, "deleted": 1})


@state
def _names_that_differ_by_case(lab: Lab) -> Want:
    lab.write("Readme.md", "one\n")
    if os.path.exists(lab.path("README.md")) and len({"README.md", "Readme.md"} & set(os.listdir(lab.top))) < 2:
        pytest.skip("this file system takes names that differ by case for one")
    lab.write("SRC/model.py", "two\n")
    return Want(content={"Readme.md": b"one\n", "SRC/model.py": b"two\n"}, changes={"untracked": 2})


@state
def _names_that_git_refuses(lab: Lab) -> Want:
    """`git add -A` stops at the first of these; a snapshot leaves them out, and says so."""
    lab.write("git~1", "x\n")
    lab.write("fine.txt", "x\n")
    return Want(left_out={"git~1": ""}, content={"fine.txt": b"x\n", "git~1": None}, changes={"untracked": 1})


@state
def _folder_of_gitxp_untracked(lab: Lab) -> Want:
    lab.write(".gitxp/run.json", "{}\n")
    lab.write(".gitxp/mine/x", "mine\n")
    lab.write("src/.gitxp/x", "kept\n")
    return Want(content={"src/.gitxp/x": b"kept\n"}, changes={"untracked": 1})


@state
def _folder_of_gitxp_tracked(lab: Lab) -> Want:
    lab.write(".gitxp/run.json", "{}\n")
    lab.write(".gitxp/mine", "mine\n")
    lab.commit()
    lab.write(".gitxp/mine", "edited\n")
    return Want()


@state
def _file_where_gitxp_has_its_folder(lab: Lab) -> Want:
    lab.write(".gitxp", "a file of the user\n")
    return Want()


@state
def _fifo_and_socket(lab: Lab) -> Want:
    os.mkfifo(lab.path("pipe"))
    os.makedirs(lab.path("run"))
    here = os.getcwd()
    os.chdir(lab.path("run"))  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
    os.chdir(here)
    lab.write("run/file")
    return Want(content={"run/file": b"new\n"}, changes={"untracked": 1})


@state
def _tracked_file_that_became_a_fifo(lab: Lab) -> Want:
    """`git add -u` stops at it. A tracked file is never dropped: the snapshot keeps what the index has."""
    os.unlink(lab.path("README.md"))
    os.mkfifo(lab.path("README.md"))
    lab.write("src/model.py", "layers = 9\n")
    return Want(left_out={"README.md": ""}, content={"src/model.py": b"layers = 9\n", "README.md": b"# a project\n"})


@state
def _times_out_of_the_ordinary(lab: Lab) -> Want:
    """Clocks go wrong: files from 1970 and from the far future are files."""
    for number, when in enumerate((0, 1, 4_000_000_000, 9_000_000_000)):
        lab.write(f"new{number}.txt", "x\n")
        os.utime(lab.path(f"new{number}.txt"), (when, when))
        lab.write(f"conf/{'ab'[number % 2]}.yaml", f"lr: {number}\n")
        os.utime(lab.path(f"conf/{'ab'[number % 2]}.yaml"), (when, when))
    return Want(changes={"modified": 2, "untracked": 4})


@state
def _hard_links(lab: Lab) -> Want:
    os.link(lab.path("README.md"), lab.path("again.md"))
    return Want(content={"again.md": b"# a project\n"}, changes={"untracked": 1})


@state
def _as_many_folders_as_the_commit_makes_itself(lab: Lab) -> Want:
    """With the record, 95 files and folders are the most that are written as loose objects on the way."""
    for number in range(31):
        lab.write(f"a{number}/b/x.py", f"x = {number}\n")
    return Want(changes={"untracked": 31})


@state
def _more_folders_than_the_commit_makes_itself(lab: Lab) -> Want:
    os.unlink(lab.path("src/model.py"))
    lab.write("src/model.py/part.py")
    for number in range(60):
        lab.write(f"a{number}/b/x.py", f"x = {number}\n")
    return Want(changes={"untracked": 61, "deleted": 1})
