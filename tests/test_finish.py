"""The last commit of a run, made from its live folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gitxp.capture.outputs import keep
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
    assert [file.path for file in _artifacts(live, record, live.read_fact("artifacts"))] == [".gitxp/artifacts/kept"]
    why = "gone before it could be stored"
    assert record["outputs"] == [{"path": "kept", "stored": True}, {"path": "gone", "stored": False, "reason": why}]
    assert record["problems"] == ["gone was gone before it could be stored as an artifact."]
    live.remove()


def test_an_artifact_that_is_overwritten(tmp_path: Path) -> None:
    """What the next run writes into the file before this run's commit is none of this run's artifact."""
    (tmp_path / "model").write_text("mine")
    live = create(str(tmp_path))
    kept = keep([str(tmp_path / "model")], str(tmp_path), live.artifacts, lambda: False)
    live.write_fact("artifacts", kept.artifacts)
    (tmp_path / "model").write_text("the next one's")
    (file,) = _artifacts(live, {"outputs": kept.entries}, live.read_fact("artifacts"))
    assert file.source is not None
    with open(file.source, encoding="utf-8") as stream:
        assert stream.read() == "mine"
    live.remove()


def test_a_link_is_committed_as_a_link(tmp_path: Path) -> None:
    """A link among the artifacts has git's mode for links, and its target's bytes, whatever they are."""
    live = create(str(tmp_path))
    target = os.fsdecode(b"to\xff")
    live.write_fact("artifacts", [{"path": "best", "link": target}])
    (file,) = _artifacts(live, {}, live.read_fact("artifacts"))
    assert (file.path, file.mode, file.data) == (".gitxp/artifacts/best", "120000", b"to\xff")
    live.remove()
