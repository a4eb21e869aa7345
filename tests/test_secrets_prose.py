from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest

from canaries import everything_in
from gitxp.capture.secrets.redaction import redact_command, redact_text

if TYPE_CHECKING:
    from conftest import Git, Gitxp


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter2", "password=<redacted>"),
        ("see password=hunter2, lr=3", "see password=<redacted>, lr=3"),
        ("api_key: abcdef", "api_key: <redacted>"),
        ("the API key: hunter", "the API key: <redacted>"),
        ("(token=hunter)", "(token=<redacted>)"),
        ("token: s3cr3t.", "token: <redacted>."),
        ("token = aBcDeF", "token = <redacted>"),
        ("Password: 'a b c', then", "Password: '<redacted>', then"),
        ('{"token": "aB3x", "lr": 1}', '{"token": "<redacted>", "lr": 1}'),
        ("password=a,b;c&d|(e,lr=0.1", "password=<redacted>,lr=0.1"),
        ("with --token aB3x --lr 1", "with --token <redacted> --lr 1"),
        ("DB_PASSWORD=x\nlr=1", "DB_PASSWORD=<redacted>\nlr=1"),
        ("Authorization: Bearer abc", "Authorization: Bearer <redacted>"),
        ("jwt=abc", "jwt=<redacted>"),
    ],
)
def test_values_of_secret_names(text: str, kept: str) -> None:
    """In a note, what a secret name is given goes, and nothing else."""
    assert redact_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "the token count = 512",
        "token: unknown",
        "token: 4096, key: loss",
        "key = learning-rate",
        "pad token: Abc123",
        "max_tokens=5, key_dim: 64",
        "ran with --token or --key",
        "auth: Kerberos, as ever; pass: second",
        "token usage: 5k, passed: 3, author: me",
        "token://a/b1",
        "password: none",
    ],
)
def test_prose_with_names_of_secrets(text: str) -> None:
    """Who speaks of tokens, keys and passes is not cut short: words and numbers after a doubtful name stay."""
    assert redact_text(text) == text


def test_tokens_of_jwt_options() -> None:
    """`--jwt` is a secret's name in a command, too."""
    assert redact_command(["train", "--jwt", "abc"]) == ["train", "--jwt", "<redacted>"]


@pytest.mark.parametrize("piece", ["token: ", "a ", "token=,", 'a="', "token='a", "--key ,x", ",a."])
def test_long_notes_take_no_long_time(piece: str) -> None:
    """A hostile note of 100,000 characters is looked at in linear time: this test ends."""
    assert isinstance(redact_text("key " + piece * (100_000 // len(piece))), str)


def test_no_canary_of_notes_and_tags(repo: str, git: Git, gitxp: Gitxp) -> None:
    """What `gitxp run` and `gitxp.init` are told in notes, tags, group and title holds no secret in any object."""
    code = (
        "import gitxp; gitxp.init(notes='password=c1nary', tags=['token=c2nary', 'ok'], group='secret: c3nary'); "
        "gitxp.finish()"
    )
    gitxp("run", "--name", "r", "--note", "api_key: c4nary", "--tag", "pwd=c5nary", "--", "true", cwd=repo)
    gitxp(
        "run",
        "--name",
        "s",
        "--",
        sys.executable,
        "-c",
        f"import base64; exec(base64.b64decode('{coded(code)}'))",
        cwd=repo,
    )
    everything = everything_in(git, repo)
    assert [n for n in range(1, 6) if f"c{n}nary".encode() in everything] == []
    record = json.loads(git("show", "experiments/s:.gitxp/run.json", cwd=repo))
    assert (record["note"], record["tags"], record["group"]) == (
        "password=<redacted>",
        ["token=<redacted>", "ok"],
        "secret: <redacted>",
    )
    assert git("show", "experiments/r:.gitxp/run.json", cwd=repo).count("<redacted>") == 2


def coded(code: str) -> str:
    """A program in base64, so that the command itself does not show what it says."""
    return base64.b64encode(code.encode()).decode()
