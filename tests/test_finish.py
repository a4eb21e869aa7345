"""The last commit of a run, made from its live folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gitxp.recording.finish import _artifacts
from gitxp.recording.live import create

if TYPE_CHECKING:
    from pathlib import Path


def test_an_artifact_that_went_away(tmp_path: Path) -> None:
    """What vanished between its fingerprint and the commit is said and not stored; the others are."""
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    kept.write_text("1")
    live = create(str(tmp_path))
    live.write_fact("artifacts", [{"path": os.path.basename(p), "source": str(p)} for p in (kept, gone)])
    record: dict[str, Any] = {"outputs": [{"path": "kept", "stored": True}, {"path": "gone", "stored": True}]}
    assert [file.path for file in _artifacts(live, record)] == [".gitxp/artifacts/kept"]
    assert record["outputs"] == [{"path": "kept", "stored": True}, {"path": "gone", "stored": False}]
    assert record["problems"] == ["gone was gone before it could be stored as an artifact."]
    live.remove()
