from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.config import decode_config
from gitxp.capture.environment.usage import find_usage
from gitxp.errors import ConfigError
from gitxp.format import SYSTEM_PREFIX
from gitxp.recording.journal import read_journal
from gitxp.recording.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Git, Gitxp

OF_PROCESSES = {"system/cpu", "system/memory", "system/machine/cpu", "system/machine/memory"}


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child that holds 50 MB; both end with the test."""
    code = "import os, sys; child = os.fork(); x = b'x' * (50 << 20) if not child else 0; print(); sys.stdin.read()"
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        process.stdout.readline()
        yield process
        process.stdin.close()


def test_whole_tree(sleeper: subprocess.Popen[bytes]) -> None:
    """Memory is that of the process and of all below it."""
    usage = find_usage(sleeper.pid)
    assert usage
    found = usage.sample()
    assert found["memory"] > 50 << 20
    assert found["machine/memory"] > found["memory"] / 2
    assert found["cpu"] >= 0
    assert all(value >= 0 for value in found.values())


def test_ended() -> None:
    """Of a process that has ended there is nothing to see, whether or not somebody looked before."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    usage = find_usage(process.pid)
    assert usage
    process.communicate(b"\n")
    assert usage.sample() == {}
    assert find_usage(process.pid) is None


class FakeError(Exception):
    pass


class NotFound(FakeError):
    pass


class NotSupported(FakeError):
    pass


def fake_nvml(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Two GPUs, of which the second does not tell its power, in the place of NVIDIA's binding."""

    def power(gpu: int) -> int:
        if gpu:
            raise NotSupported
        return 250_000

    module: Any = ModuleType("pynvml")
    functions: dict[str, Any] = {
        "NVMLError": FakeError,
        "NVMLError_LibraryNotFound": NotFound,
        "NVMLError_DriverNotLoaded": NotFound,
        "NVMLError_NotSupported": NotSupported,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda gpu: f"GPU-{gpu}abc",
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=50 + gpu, memory=10),
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=1 << 34, used=(1 + gpu) << 30),
        "nvmlDeviceGetPowerUsage": power,
        "nvmlDeviceGetTemperature": lambda gpu, _: 60 + gpu,
    }
    for name, value in {**functions, **changes}.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delitem(sys.modules, "gitxp.capture.environment.gpu_usage", raising=False)


@pytest.fixture
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's binding is not installed, whatever this machine has."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.delitem(sys.modules, "gitxp.capture.environment.gpu_usage", raising=False)


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, [0, 1]),
        ("1", [1]),
        ("1,0", [0, 1]),
        ("GPU-0", [0]),
        ("", []),
        ("-1", []),
        ("0,7,1", [0]),
        ("MIG-x", [0, 1]),
    ],
)
def test_gpus(monkeypatch: pytest.MonkeyPatch, visible: str | None, seen: list[int]) -> None:
    """Each GPU that the command may use is measured, in percent, bytes, watts and degrees; what one cannot tell is not."""
    fake_nvml(monkeypatch)
    from gitxp.capture.environment.gpu_usage import find_gpu_usage

    usage = find_gpu_usage({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert usage
    first = {"gpu/0/utilization": 50, "gpu/0/memory": 1 << 30, "gpu/0/power": 250.0, "gpu/0/temperature": 60}
    second = {"gpu/1/utilization": 51, "gpu/1/memory": 2 << 30, "gpu/1/temperature": 61}
    assert usage.sample() == {**(first if 0 in seen else {}), **(second if 1 in seen else {})}


def raises(error: Exception) -> Callable[..., None]:
    """A function that raises this."""

    def fail(*_: object) -> None:
        raise error

    return fail


def sampled(folder: Path, pid: int, until: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], Sampling]:
    """What sampling brings into the journal until that is so."""
    sampling = Sampling(str(folder), pid, {}, 0.01, time.monotonic())
    found: dict[str, Any] = {}
    while not until(found) and sampling.is_alive:
        found = read_journal(str(folder))
    sampling.stop()
    return read_journal(str(folder)), sampling


def test_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]) -> None:
    """What is seen is in the journal at once, from both sources, again and again, under names that say what it is."""
    fake_nvml(monkeypatch)
    found, sampling = sampled(tmp_path, sleeper.pid, lambda found: len(found.get("system/gpu/1/memory", ())) > 2)
    assert set(found) > {*OF_PROCESSES, "system/gpu/0/power", "system/gpu/1/memory"}
    assert all(name.startswith(SYSTEM_PREFIX) for name in found)
    assert sampling.problem is None


@pytest.mark.usefixtures("no_nvml")
def test_without_nvml(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """Without NVIDIA's binding the rest is measured, and nothing is amiss."""
    found, sampling = sampled(tmp_path, sleeper.pid, lambda found: "system/machine/memory" in found)
    assert set(found) >= OF_PROCESSES
    assert sampling.problem is None


@pytest.mark.usefixtures("no_nvml")
def test_with_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither is installed nothing is measured, and nothing is said."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.delitem(sys.modules, "gitxp.capture.environment.usage", raising=False)
    found, sampling = sampled(tmp_path, os.getpid(), lambda _: False)
    assert (found, sampling.problem) == ({}, None)


def test_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]) -> None:
    """The binding on a machine without a driver is no problem."""
    fake_nvml(monkeypatch, nvmlInit=raises(NotFound()))
    found, sampling = sampled(tmp_path, sleeper.pid, lambda found: "system/machine/memory" in found)
    assert found
    assert sampling.problem is None


@pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes], function: str
) -> None:
    """A failure is one sentence, and the end of what failed alone."""
    fake_nvml(monkeypatch, **{function: raises(FakeError("GPU is lost"))})
    found, sampling = sampled(tmp_path, sleeper.pid, lambda found: len(found.get("system/memory", ())) > 2)
    assert len(found["system/memory"]) > 2
    assert sampling.problem == "System metrics are not complete: FakeError: GPU is lost"


@pytest.mark.parametrize(
    ("document", "interval"),
    [
        ({}, 10.0),
        ({"system": True}, 10.0),
        ({"system": False}, 0.0),
        ({"system": {"interval": 2.5}}, 2.5),
        ({"system": {"interval": 0}}, 0.0),
        ({"system": {"interval": False}}, 0.0),
    ],
)
def test_configuration(document: object, interval: float) -> None:
    """gitxp.yaml says how often, or never."""
    assert decode_config(document).system.interval == interval


@pytest.mark.parametrize("value", [3, "often", {"interval": "1"}, {"interval": True}, {"interval": 0.01}, {"every": 1}])
def test_mistakes_in_the_configuration(value: object) -> None:
    """What is no interval is refused."""
    with pytest.raises(ConfigError):
        decode_config({"system": value})


# Ends when the run's journal has what it waits for: so the test waits for no time.
WAITS = textwrap.dedent("""
    import os, time
    folder = os.path.join(os.environ["GITXP_RUN_DIR"], "journal")
    while True:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if b"system/machine/memory" in open(os.path.join(folder, name), "rb").read():
                raise SystemExit(int(os.environ.get("STATUS", "0")))
        time.sleep(0.02)
""")


def configure(repo: str, text: str) -> None:
    """Write gitxp.yaml."""
    with open(os.path.join(repo, "gitxp.yaml"), "w") as file:
        file.write(text)


def test_of_a_run(repo: str, gitxp: Gitxp, git: Git) -> None:
    """They are metrics of the run, with a section of their own, in neither the default table nor the commit's message."""
    configure(repo, "system: {interval: 0.1}\n")
    gitxp("run", "--name", "r", "--", sys.executable, "-c", WAITS)
    record = json.loads(git("show", "experiments/r:.gitxp/run.json"))
    assert set(record["metrics"]) >= OF_PROCESSES
    assert record["metrics"]["system/memory"]["max"] > 1 << 20
    assert "problems" not in record
    assert "system/" not in git("log", "-1", "--format=%B", "experiments/r")
    page = gitxp("show", "r").stdout
    assert "\nSystem\n" in page
    assert "\nMetrics\n" not in page
    assert "system/" not in gitxp("list").stdout
    assert "system/memory" in gitxp("list", "--all-columns").stdout
    assert "system/cpu" in gitxp("list", "--columns", "name,system/cpu").stdout


def test_killed(repo: str, gitxp: Gitxp, git: Git) -> None:
    """What was measured before everything was killed is in the run."""
    configure(repo, "system: {interval: 0.1}\n")
    code = WAITS.replace("raise SystemExit", "os.kill(0, 9); raise SystemExit")
    environ = {**os.environ, "GITXP_PROBE": "0"}
    process = subprocess.run(
        [sys.executable, "-m", "gitxp", "run", "--name", "r", "--", sys.executable, "-c", code],
        cwd=repo,
        env=environ,
        start_new_session=True,
        check=False,
        capture_output=True,
    )
    assert process.returncode == -signal.SIGKILL
    gitxp("list")
    metrics = json.loads(git("show", "experiments/r:.gitxp/run.json"))["metrics"]
    assert set(metrics) >= OF_PROCESSES


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("system: false\n", []),
        ("system: {interval: 0.1}\n", ["--no-system-metrics"]),
        ("system: {interval: 1000}\n", ["--system-metrics"]),
    ],
)
def test_turned_off(repo: str, gitxp: Gitxp, git: Git, text: str, options: list[str]) -> None:
    """Turned off, or in a run that is shorter than the interval, nothing is measured."""
    configure(repo, text)
    gitxp("run", "--name", "r", *options, "--", sys.executable, "-c", "import time; time.sleep(0.5)")
    assert "metrics" not in json.loads(git("show", "experiments/r:.gitxp/run.json"))


def test_of_a_program_that_records_itself(repo: str, git: Git) -> None:
    """`gitxp.init` without `gitxp run` measures its own process and what that starts."""
    configure(repo, "system: {interval: 0.1}\n")
    code = "import gitxp; run = gitxp.init(name='r')\n" + WAITS
    subprocess.run([sys.executable, "-c", code], cwd=repo, check=True, env=dict(os.environ))
    metrics = json.loads(git("show", "experiments/r:.gitxp/run.json"))["metrics"]
    assert set(metrics) >= OF_PROCESSES


FORKS = """
import os, threading
from gitxp.recording.sampling import NO_FORK

def hold():
    with NO_FORK:
        held.set()
        order.append("held")
        wait.wait(0.2)
        order.append("let go")

held, wait, order = threading.Event(), threading.Event(), []
thread = threading.Thread(target=hold)
thread.start()
held.wait()
pid = os.fork()
if not pid:
    os._exit(0 if order == ["held", "let go"] and NO_FORK.acquire(blocking=False) else 1)
assert os.waitpid(pid, 0)[1] == 0
assert NO_FORK.acquire(blocking=False)
"""


def test_forks_wait() -> None:
    """A process does not fork while a thread of ours holds what the child would find locked."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKS], check=True, timeout=60)
