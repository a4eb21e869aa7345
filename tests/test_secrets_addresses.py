from __future__ import annotations

import json
from typing import TYPE_CHECKING

from canaries import everything_in

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp


def test_no_canary_of_an_address(repo: str, git: Git, gitxp: Gitxp, tmp_path: Path) -> None:
    """An address with a secret in it, given for data or outputs, as an argument or a parameter, is in no object so."""
    git("remote", "add", "origin", "https://host/x.git?token=c0nary", cwd=repo)
    (tmp_path / "x.csv?token=c9nary").mkdir()
    (tmp_path / "x.csv?token=c9nary" / "a").write_text("1")
    gitxp(
        "run",
        *["--name", "r"],
        *["--data", "https://ada:c1nary@host/x?sig=c2nary", "--data", "s3://b/x?X-Amz-Signature=c3nary&page=2"],
        *["--data", str(tmp_path / "x.csv?token=c9nary"), "--out", "https://host/x?token=c4nary"],
        *["--param", "u=https://host/x?sig=c5nary", "--note", "see https://host/?token=c6nary"],
        *["--", "sh", "-c", "true", "https://host/x?token=c7nary", "--url=https://host/x#access_token=c8nary"],
        cwd=repo,
    )
    objects = git.raw("cat-file", "--batch-all-objects", "--batch", "--unordered", cwd=repo)
    names = git.raw("log", "--format=", "--name-only", "-m", "experiments/r", cwd=repo)
    assert [n for n in range(10) if f"c{n}nary".encode() in objects + names] == []
    assert b"c1nary" not in everything_in(git, repo)
    record = json.loads(git("show", "experiments/r:.gitxp/run.json", cwd=repo))
    assert [entry["path"] for entry in record["data"]] == [
        "https:/<redacted>@host/x?sig=<redacted>",
        "s3:/b/x?X-Amz-Signature=<redacted>&page=2",
        f"{tmp_path}/x.csv?token=<redacted>",
    ]
    assert [entry["path"] for entry in record["outputs"]] == ["https:/host/x?token=<redacted>"]
    shown = gitxp("show", "r", "--json", cwd=repo)
    assert shown.returncode == 0
