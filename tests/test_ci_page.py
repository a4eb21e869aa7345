"""The workflows of docs/howto/ci.md: their shell lines, run as the hosts run them, with stand-ins for what is not here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from states import Lab, make

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "howto" / "ci.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
TRAIN = re.search(r"^cat >train.py <<'END'\n(.*?)^END$", PAGE, re.DOTALL | re.MULTILINE)
# Write down what they were called with, and the comment.
STAND_IN = f"""#!{sys.executable}
import json, os, sys
files = [word.rpartition("@")[2] for word in sys.argv if word.endswith("comment.md")]
said = {{"words": sys.argv, "comment": open(files[0]).read() if files else ""}}
open(os.environ["CALLS"], "a").write(json.dumps(said) + "\\n")
"""

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash, which both hosts have")


class Host:
    """A repository that is pushed to, and what stands in for the programs that the hosts have."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        assert TRAIN is not None
        source = make(f"{folder}/source")
        source.write("train.py", TRAIN[1])
        source.write("compare.sh", FILES["compare.sh"])
        source.write("requirements.txt", "")
        source.commit()
        source.git("branch", "-M", "main")
        source.git("checkout", "-qb", "topic")
        source.write("train.py", TRAIN[1] + "# topic\n")
        source.commit()
        source.git("clone", "-q", "--bare", source.top, f"{folder}/hub.git")
        self.hub = Lab(f"{folder}/hub.git")
        for name in ("gh", "curl", "pip"):
            source.write(f"../tools/{name}", STAND_IN, 0o755)
        source.write("../tools/gitxp", f'#!/bin/sh\nexec "{sys.executable}" -P -m gitxp "$@"\n', 0o755)
        self.calls = f"{folder}/calls"
        path = os.pathsep.join([f"{folder}/tools", os.path.dirname(sys.executable), os.environ["PATH"]])
        self.environ = {**os.environ, "PATH": path, "CALLS": self.calls}

    def clone(self, branch: str) -> Lab:
        """What a job starts from: one commit of one branch, and no runs."""
        top = f"{self.folder}/job-{len(os.listdir(self.folder))}"
        self.hub.git("clone", "-q", "--depth=1", "--branch", branch, f"file://{self.hub.top}", top)
        return Lab(top)

    def called(self, name: str) -> list[dict[str, Any]]:
        """What a stand-in was called with, and the comment that it was given."""
        lines = Path(self.calls).read_text("utf-8").splitlines() if os.path.exists(self.calls) else []
        return [said for line in lines if os.path.basename((said := json.loads(line))["words"][0]) == name]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a project whose main and topic have the files of the page."""
    return Host(str(tmp_path))


def shell(lab: Lab, lines: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run lines in one bash that stops at the first that fails, as both hosts do."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(lines)],
        cwd=lab.top,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


def workflow(host: Host, event: str, number: int, program: str = "python train.py") -> bool:
    """Run the job of train.yml; whether it succeeded."""
    job = yaml.safe_load(FILES["train.yml"])["jobs"]["train"]
    is_push = event == "push"
    lab = host.clone("main" if is_push else "topic")
    values = {
        "github.event_name == 'push' && 'main' || format('pull-{0}', github.event.number)": "main"
        if is_push
        else "pull-12",
        "github.run_number": str(number),
        "github.run_attempt": "1",
        "github.token": "token",
    }
    environ = {name: _filled(text, values) for name, text in job["env"].items()} | host.environ
    has_failed = False
    for step in job["steps"]:
        condition = step.get("if", "success()")
        if "run" not in step or (condition == "success()" and has_failed):
            continue
        if "github.event_name == 'pull_request'" in condition and is_push:
            continue
        line = step["run"].replace("python train.py", program)
        has_failed = bool(shell(lab, [line], environ)) or has_failed
    return not has_failed


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values[match[1]], text)


def pipeline(host: Host, merge_request: str, number: int, program: str = "python train.py") -> bool:
    """Run the job of .gitlab-ci.yml; whether it succeeded."""
    job = yaml.safe_load(FILES[".gitlab-ci.yml"])["train"]
    lab = host.clone("topic" if merge_request else "main")
    lab.git("config", f"url.file://{host.hub.top}.insteadOf", "https://gitxp:sesame@git.example.com/team/project.git")
    environ = host.environ | {
        "CI_SERVER_HOST": "git.example.com",
        "CI_PROJECT_PATH": "team/project",
        "CI_PROJECT_ID": "5",
        "CI_API_V4_URL": "https://git.example.com/api/v4",
        "CI_PIPELINE_IID": str(number),
        "PUSH_TOKEN": "sesame",
        **({"CI_MERGE_REQUEST_IID": merge_request} if merge_request else {}),
    }
    lines = [line.replace("python train.py", program) for line in job["before_script"] + job["script"]]
    status = shell(lab, lines, environ)
    shell(lab, job["after_script"], environ)
    return status == 0


def test_the_workflow(host: Host) -> None:
    """A push to main leaves a run; a pull request leaves one, and a comment with both in a table."""
    assert workflow(host, "push", 9)
    assert workflow(host, "push", 10)
    assert host.called("gh") == []
    assert workflow(host, "pull_request", 11)
    assert host.hub.names() == ["main-10-1", "main-9-1", "pull-12-11-1"]
    record = host.hub.record("pull-12-11-1")
    assert (record["status"], record["group"], record["tags"]) == ("completed", "pull-12", ["ci"])
    assert record["base"] == host.hub.say("rev-parse", "topic")
    [call] = host.called("gh")
    assert call["words"][1:] == ["pr", "comment", "12", "--body-file", "comment.md"]
    lines = call["comment"].splitlines()
    assert lines[0] == "Run `pull-12-11-1`, beside `main-10-1`:"
    assert [re.split(r" *\| *", line)[1:5] for line in lines[4:]] == [
        ["pull-12-11-1", "completed", "0.3", "0.1538"],
        ["main-10-1", "completed", "0.3", "0.1538"],
    ]


def test_a_training_that_fails(host: Host) -> None:
    """The job fails, and its run is pushed and in the comment all the same."""
    assert not workflow(host, "pull_request", 11, "false")
    assert host.hub.record("pull-12-11-1")["status"] == "failed"
    [call] = host.called("gh")
    assert call["comment"].splitlines()[0] == "Run `pull-12-11-1`, beside `nothing`:"
    assert "| failed |" in re.sub(" +", " ", call["comment"])


def test_the_pipeline(host: Host) -> None:
    """On GitLab the same; the token that pushes is in no record."""
    assert pipeline(host, "", 20)
    assert pipeline(host, "12", 21)
    assert not pipeline(host, "12", 22, "false")
    assert host.hub.names() == ["main-20", "pull-12-21", "pull-12-22"]
    assert [host.hub.record(name)["status"] for name in host.hub.names()] == ["completed", "completed", "failed"]
    assert b"sesame" not in host.hub.git("show", "experiments/pull-12-21:.gitxp/run.json")
    first, second = host.called("curl")
    assert first["words"][-1] == "https://git.example.com/api/v4/projects/5/merge_requests/12/notes"
    assert first["comment"].startswith("Run `pull-12-21`, beside `main-20`:\n")
    assert second["comment"].startswith("Run `pull-12-22`, beside `main-20`:\n")
