from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.config import FILE_NAME, Config, decode_config, load_config, parse_size
from gitxp.capture.untracked import Limits
from gitxp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
snapshot:
  max_file_size: 10 MiB
  max_total_size: 1GB
  max_files: 7
  exclude: ["*.ckpt", runs/*]
  secrets: "*.token"
  allow: []
data: data/train
outputs: [model.pkl, plots]
metrics_from: [metrics.json]
list:
  columns: [lr, acc]
"""


def load(folder: Path, text: str | bytes) -> Config:
    """The configuration that this gitxp.yaml gives."""
    (folder / FILE_NAME).write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(str(folder))


def test_absent(tmp_path: Path) -> None:
    """Without the file the defaults hold."""
    assert load_config(str(tmp_path)) == Config() == Config(Limits(50 << 20, 500 << 20, 20_000))


@pytest.mark.parametrize("text", ["", "# nothing\n", "snapshot:\n", "data:\nlist: {}\n"])
def test_empty(tmp_path: Path, text: str) -> None:
    """An empty file, and keys with nothing behind them, say nothing."""
    assert load(tmp_path, text) == Config()


def test_every_key(tmp_path: Path) -> None:
    """Every key reaches its place, sizes in bytes, one text as good as a list of one."""
    assert load(tmp_path, EVERYTHING) == Config(
        snapshot=Limits(10 << 20, 1_000_000_000, 7, ("*.ckpt", "runs/*"), ("*.token",), ()),
        data=("data/train",),
        outputs=("model.pkl", "plots"),
        metrics_from=("metrics.json",),
        list_columns=("lr", "acc"),
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("300", 300),
        ("50 MiB", 50 << 20),
        ("50MiB", 50 << 20),
        ("1GB", 10**9),
        ("1 kb", 1000),
        ("2k", 2048),
        ("1.5 GiB", 3 << 29),
        (".5M", 1 << 19),
        ("10 B", 10),
        ("", None),
        ("MiB", None),
        ("1 parsec", None),
        ("-1", None),
        ("1e3", None),
        ("1..5k", None),
        ("٣", None),
        ("9" * 50, None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    """Units with an i, and bare letters, are powers of 1024; those with a B alone are powers of 1000."""
    assert parse_size(text) == size


@given(st.text())
def test_size_is_total(text: str) -> None:
    """Any text is a size or none."""
    size = parse_size(text)
    assert size is None or size >= 0


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("snapshots: {}", "snapshots", "Did you mean snapshot?"),
        ("snapshot: {max_file_sise: 1}", "snapshot.max_file_sise", "Did you mean snapshot.max_file_size?"),
        ("max_files: 1", "max_files", "snapshot.max_files"),
        ("xyzzy: 1", "xyzzy", "Known keys"),
        ("7: 1", "7", "Known keys"),
        ("[a]: 1", "list or a map for a key (line 1)", None),
        ("data: a\nlist: {}\ndata: b\n", "the key 'data' in line 1 and again in line 3", None),
        ("snapshot:\n  max_files: 1\n  max_files: 2\n", "the key 'max_files' in line 2 and again in line 3", None),
        ("data:\n\t- a\n", "a tab stands where YAML wants spaces (line 2)", None),
        ("data: a\n\nlist: \0\n", "the character U+0000 (line 3)", None),
        ("data: a".encode("utf-16-le"), "the character U+0000 (line 1)", None),
        (b"data: a\n\xff\xfe: b\n", "no UTF-8 text (line 2)", None),
        (b"\xff\xfedata", "the whole file is", None),
        (b"\xff\xfedata:", "no UTF-16 text (line 1)", None),
        ("data: *x", "alias to 'x'", None),
        ("data: &x [*x]", "alias to 'x'", None),
        ("data: !!bool maybe\nlist: [", "not YAML", None),
        ("snapshot: {max_files: !!int lots}", "max_files is 'lots'", None),
        ("[" * 1000, "nested more than 32 deep (line 1)", None),
        ("data:\n" + "".join(" " * i + "a:\n" for i in range(1, 40)), "nested more than 32 deep", None),
        ("#" * (1 << 20) + "\n", "1,048,576 is the most", None),
        ("snapshot: 5", "snapshot is 5", None),
        ("- a", "the whole file", None),
        ("snapshot: {max_file_size: lots}", "max_file_size is 'lots', and must be a size", None),
        ("snapshot: {max_file_size: true}", "max_file_size is True", None),
        ("snapshot: {max_file_size: 1.5}", "max_file_size is 1.5", None),
        ("snapshot: {max_files: '7'}", "max_files is '7', and must be a whole number", None),
        ("snapshot: {max_files: -1}", "max_files is -1", None),
        ("data: 5", "data is 5, and must be a text or a list of texts", None),
        ("data: [a, 5]", "data is", None),
        ("data: ['']", "data is", None),
        ("data: {a: b}", "data is", None),
        ("data: [" + "aaaaaaaaaa, " * 40 + "1]", "...", None),
        ("data: [a\nb: 1", "line 2", None),
        ("a: b: c", "line 1", None),
        (b"data: \xff\xfe", "no UTF-8 text (line 1)", None),
        ("a: 1\n---\nb: 2", "more than one document (line 3)", None),
    ],
)
def test_errors(tmp_path: Path, text: str | bytes, words: str, hint: str | None) -> None:
    """What has no meaning is refused with the key or the line, what was found, what is wanted, and a hint."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert words in caught.value.message
    assert FILE_NAME in caught.value.message
    assert (hint or "docs/cli.md") in str(caught.value.hint)


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder or a FIFO of that name is an error, and neither blocks."""
    path = tmp_path / FILE_NAME
    path.mkdir()
    with pytest.raises(ConfigError, match="it is a folder"):
        load_config(str(tmp_path))
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="no regular file"):
        load_config(str(tmp_path))


def test_links(tmp_path: Path) -> None:
    """A link is followed; one that leads nowhere, or in a circle, is an error and not the defaults."""
    path = tmp_path / FILE_NAME
    (tmp_path / "team.yaml").write_text("data: x")
    path.symlink_to("team.yaml")
    assert load_config(str(tmp_path)).data == ("x",)
    for target in ("nowhere.yaml", FILE_NAME):
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(ConfigError, match=f"a link to {target}"):
            load_config(str(tmp_path))


def test_byte_order_mark(tmp_path: Path) -> None:
    """What Windows' editors put in front of a text is none of it."""
    assert load(tmp_path, b"\xef\xbb\xbfdata: x").data == ("x",)
    assert load(tmp_path, "data: x\n".encode("utf-16")).data == ("x",)


def test_alias_bomb(tmp_path: Path) -> None:
    """What nine levels of nine aliases would multiply to is refused, and not written out in the error."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    with pytest.raises(ConfigError, match=r"more than 20,000 values \(line \d\)"):
        load(tmp_path, bomb)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"data: [&a {'x' * 100_000}, {'*a, ' * 10_000}1]")
    assert len(caught.value.message) < 300


@given(st.binary(max_size=80) | st.text(alphabet="datlis:[]{}\n -\t'\"*&!", max_size=80).map(str.encode))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever stands in the file, it is a configuration or one sentence with a hint."""
    said, hint = "", ""
    try:
        load(tmp_path_factory.mktemp("any"), data)
    except ConfigError as error:
        said, hint = error.message, error.hint or ""
    assert bool(said) == bool(hint)
    assert "\n" not in said


def test_large_files_and_storage() -> None:
    """What is to become of large files is read as it stands; nothing of it is wanted by default."""
    config = decode_config({"large": {"untracked": True, "max_total_size": "1 GiB"}, "storage": "s3://bucket"})
    assert tuple(config.large) == (False, True, 1 << 30)
    assert config.storage == "s3://bucket"
    assert tuple(decode_config(None).large)[:2] == (False, False)
    for wrong in ({"large": "lfs"}, {"large": {"artifacts": "yes"}}, {"storage": ["a"]}, {"storage": ""}):
        with pytest.raises(ConfigError):
            decode_config(wrong)
