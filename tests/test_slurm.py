"""The job scripts of docs/howto/cluster.md under a real Slurm, where there is one (root, slurmctld, slurmd, munged)."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slurm import Slurm, cluster, is_installed, until
from states import Lab, make

if TYPE_CHECKING:
    from collections.abc import Iterator

# A scheduler of the tests' own, with its waits of seconds: it is asked for.
pytestmark = pytest.mark.skipif(
    os.environ.get("GITXP_SLURM") != "1" or not is_installed(),
    reason="a real Slurm only with GITXP_SLURM=1, and where we may start one",
)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "howto" / "cluster.md"
SCRIPTS = dict(
    re.findall(r"<!-- file: (\S+) -->\n```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A cluster for all tests here."""
    with cluster(str(tmp_path_factory.mktemp("slurm"))) as slurm:
        yield slurm


@pytest.fixture
def lab(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A repository with the page's scripts and its train.py, and a `gitxp` that a job finds."""
    lab = make(str(tmp_path / "repo"))
    train = re.search(r"^cat >train.py <<'END'\n(.*?)^END$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert train is not None
    lab.write("train.py", train[1])
    for name, text in SCRIPTS.items():
        lab.write(name, text)
    lab.write(".gitignore", "logs/\n")
    os.mkdir(lab.path("logs"))
    lab.write("../tools/gitxp", f'#!/bin/sh\nexec "{sys.executable}" -P -m gitxp "$@"\n', 0o755)
    lab.write(
        "../tools/torchrun",
        '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nRANK=$SLURM_PROCID python "$@"\n',
        0o755,
    )
    lab.commit()
    path = os.pathsep.join([lab.path("../tools"), os.path.dirname(sys.executable), slurm.environ["PATH"]])
    monkeypatch.setitem(slurm.environ, "PATH", path)
    return lab


def log(lab: Lab, name: str) -> str:
    """What Slurm has of a job's output so far."""
    try:
        return lab.read(f"logs/{name}.out").decode()
    except FileNotFoundError:
        return ""


def test_one_job(slurm: Slurm, lab: Lab) -> None:
    """The job's run is completed, has its id in its name and in its environment, and nothing is left over."""
    job = slurm.submit(lab.top, "one.sh", "--lr", "0.3")
    slurm.wait(job)
    name = f"train-{job}"
    record = lab.record(name)
    assert (record["status"], record["params"]["lr"]) == ("completed", 0.3)
    environment = lab.git("show", f"refs/experiments/{name}:.gitxp/environment.json").decode()
    for variable, value in (("SLURM_JOB_ID", job), ("SLURM_JOB_NAME", "train"), ("SLURM_JOB_NODELIST", "n1")):
        assert f'"{variable}": "{value}"' in environment
    assert lab.live() == []


def test_twenty_at_once(slurm: Slurm, lab: Lab) -> None:
    """Twenty tasks of an array in one checkout are twenty completed runs of one group."""
    job = slurm.submit(lab.top, "sweep.sh")
    slurm.wait(job)
    records = [lab.record(name) for name in lab.names()]
    assert {record["name"] for record in records} == {f"sweep-{job}-{task}" for task in range(20)}
    assert {(record["status"], record["group"]) for record in records} == {("completed", f"sweep-{job}")}
    assert len({(record["params"]["lr"], record["params"]["seed"]) for record in records}) == 20
    assert lab.live() == []


def test_submit_now_and_run_later(slurm: Slurm, lab: Lab) -> None:
    """What is edited after the submission is not in the job's run, and what was edited before is."""
    lab.write("train.py", lab.read("train.py") + b"# before\n")
    job = slurm.ask("sh", "submit.sh", "--parsable", "--begin=now+3", "one.sh", cwd=lab.top).splitlines()[-1]
    lab.write("train.py", lab.read("train.py") + b"# after\n")
    slurm.wait(job)
    assert lab.say("show", f"experiments/train-{job}:train.py").endswith("# before")
    assert lab.record(f"train-{job}")["base"] == lab.say("rev-parse", "HEAD")


def test_two_nodes(slurm: Slurm, lab: Lab) -> None:
    """One run, with what the processes of both nodes print and log."""
    job = slurm.submit(lab.top, "nodes.sh", "--lr", "0.2")
    slurm.wait(job)
    assert lab.names() == [f"nodes-{job}"], log(lab, f"nodes-{job}")
    record = lab.record(f"nodes-{job}")
    assert record["status"] == "completed"
    assert {name: metric["count"] for name, metric in record["metrics"].items()} == {"loss": 3, "rank1/loss": 3}
    assert lab.output(f"nodes-{job}").count(b"step 3") == 2


@pytest.mark.parametrize("script", ["exec gitxp run", "trap : TERM; gitxp run"])
def test_cancelled(script: str, slurm: Slurm, lab: Lab) -> None:
    """`scancel` leaves a killed run, recorded to its end before Slurm kills what is left."""
    lab.write(
        "job.sh",
        f"#!/bin/bash\n#SBATCH --output=logs/%j.out\n{script} --name r -- sh -c 'echo ready; exec sleep 300'\n",
    )
    job = slurm.submit(lab.top, "job.sh")
    until(lambda: "ready" in log(lab, job))
    slurm.ask("scancel", job)
    until(lambda: lab.live() == [])
    record = lab.record("r")
    assert (record["status"], record["signal"]) == ("killed", 15)
    assert "problems" not in record
    slurm.wait(job)


def test_killed_for_good(slurm: Slurm, lab: Lab) -> None:
    """A command that ignores SIGTERM is killed with gitxp after KillWait: lost, with what it printed, once asked for."""
    lab.write("stubborn.py", STUBBORN)
    lab.write("job.sh", "#!/bin/bash\n#SBATCH --output=logs/%j.out\nexec gitxp run --name r -- python stubborn.py\n")
    job = slurm.submit(lab.top, "job.sh")
    until(lambda: "ready" in log(lab, job))
    slurm.ask("scancel", job)
    slurm.wait(job)
    until(lambda: lab.run("list").status == 0 and lab.live() == [])
    assert lab.record("r")["status"] == "lost"
    assert lab.output("r") == b"ready\n"


@pytest.mark.parametrize("how", ["requeue", "preemption", "limit"])
def test_put_back_into_the_queue(how: str, slurm: Slurm, lab: Lab) -> None:
    """The second start goes on from the checkpoint of the first, as a run of its own in the same group."""
    text = SCRIPTS["long.sh"].replace("--steps 20", "--steps 600")
    lab.write("long.sh", text.replace("#SBATCH --time=04:00:00", "#SBATCH --time=2").replace("@120", "@115"))
    options = ["--signal=B:USR1@1"] if how != "limit" else []
    if how == "preemption":  # only where there is no room for both
        options.append("--ntasks=48")
    job = slurm.submit(lab.top, *options, "long.sh")
    until(lambda: "step 3" in log(lab, f"long-{job}"))
    match how:
        case "requeue":
            slurm.ask("scontrol", "requeue", job)
        case "preemption":
            slurm.submit(lab.top, "--partition=urgent", "--ntasks=48", "--output=logs/urgent.out", "--wrap=true")
    first, second = f"long-{job}-0", f"long-{job}-1"
    until(lambda: lab.names() == [first] and lab.record(first)["status"] != "running")
    record = lab.record(first)
    assert (record["status"], record["exit_code"]) == ("failed", 75), log(lab, f"long-{job}")

    def is_at_it_again() -> bool:
        if slurm.ask("squeue", "--noheader", "--format=%r", "--job", job, check=False) == "BeginTime":  # two minutes
            slurm.ask("scontrol", "update", f"jobid={job}", "starttime=now", check=False)
        return "step" in log(lab, f"long-{job}").partition(f"{second}: snapshot")[2]

    until(is_at_it_again)
    slurm.ask("scancel", job)
    until(lambda: lab.record(second)["status"] != "running")
    steps = [int(number) for number in re.findall(rb"step (\d+)", lab.output(first) + lab.output(second))]
    assert steps == list(range(1, len(steps) + 1))
    assert b"step" in lab.output(second)
    assert lab.record(second)["group"] == record["group"] == f"long-{job}"
