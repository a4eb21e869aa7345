"""A Slurm of two nodes on loopback, for the tests of one module: its own munged, slurmctld and slurmds, in one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_NODES = ("n1", "n2")
_PATIENCE = 150.0  # it looks at time limits every half minute
# Each node has more processors than there are, so that an array runs at once. The plugins are those that need no cgroups.
_CONFIGURATION = """
ClusterName=loop
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=5
SwitchType=switch/none
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=24
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=24
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


def is_installed() -> bool:
    """Whether there is a Slurm, and somebody who may start it."""
    return os.geteuid() == 0 and all(shutil.which(program, path=_PATH) for program in PROGRAMS)


class Slurm:
    """The cluster: `environ` is what its programs need to find it."""

    def __init__(self, folder: str) -> None:
        self.environ = {**os.environ, "PATH": _PATH, "SLURM_CONF": f"{folder}/slurm.conf"}

    def ask(self, *command: str, cwd: str | None = None, check: bool = True) -> str:
        """The stdout of one of its programs."""
        done = subprocess.run(command, cwd=cwd, env=self.environ, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, (command, done.stderr)
        return done.stdout.strip()

    def submit(self, cwd: str, *words: str) -> str:
        """Submit a job; its id."""
        return self.ask("sbatch", "--parsable", *words, cwd=cwd)

    def states(self, job: str) -> set[str]:
        """The states of a job and its tasks: `RUNNING`, `PENDING`, …; nothing once it is over."""
        return set(self.ask("squeue", "--noheader", "--array", "--format=%T", "--job", job, check=False).split())

    def wait(self, job: str) -> None:
        """Until a job, or each task of an array, is over."""
        until(lambda: not self.states(job))


def until(is_so: Callable[[], object]) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@contextlib.contextmanager
def cluster(folder: str) -> Iterator[Slurm]:
    """Start one; it is gone at the end, with the jobs that are left."""
    for inner in ("state", *(f"spool-{node}" for node in _NODES)):
        os.mkdir(f"{folder}/{inner}")
    host = socket.gethostname().partition(".")[0]
    with open(f"{folder}/slurm.conf", "w", encoding="ascii") as file:
        file.write(_CONFIGURATION.format(folder=folder, host=host, ports=_free_ports(3)))
    with open(f"{folder}/key", "wb", opener=lambda path, flags: os.open(path, flags, 0o400)) as key:
        key.write(os.urandom(1024))
    slurm = Slurm(folder)
    munge = [f"--{name}={folder}/{file}" for name, file in (("key-file", "key"), ("socket", "munge.socket"))]
    munge += [f"--{name}={folder}/munge.{name[:3]}" for name in ("pid-file", "log-file", "seed-file")]
    servers = [["munged", "--force", "--foreground", *munge], ["slurmctld", "-D"]]
    servers += [["slurmd", "-D", "-N", node] for node in _NODES]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for server in servers:
            started.append(
                subprocess.Popen(server, env=slurm.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            if len(started) == 1:
                until(lambda: os.path.exists(f"{folder}/munge.socket"))
        until(lambda: slurm.ask("sinfo", "--noheader", "--format=%T", check=False) == "idle")
        yield slurm
        slurm.ask("scancel", "--full", "--user=root", check=False)
        until(lambda: not slurm.ask("squeue", "--noheader"))
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
