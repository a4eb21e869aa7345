from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.environment.gpus import gpus, parse_nvidia_smi
from gitxp.capture.environment.machine import machine
from gitxp.capture.environment.surroundings import Surroundings, environment
from gitxp.capture.environment.variables import variables
from gitxp.capture.kept import MustAsk

if TYPE_CHECKING:
    from pathlib import Path


def files(root: Path, texts: dict[str, str]) -> str:
    """A system with these files; its root."""
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


def test_machine_files(tmp_path: Path) -> None:
    """The distribution, the processor, GPUs, CUDA and a container are read from the system's files."""
    root = files(
        tmp_path,
        {
            "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast 9000\n",
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA A100\nIRQ: 5\n",
            "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\n",
            "usr/local/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.2.1"}}',
            "usr/include/cudnn_version.h": "/* x */\n#define CUDNN_MAJOR 8\n#define CUDNN_MINOR 9\n"
            "#define CUDNN_PATCHLEVEL 7\n#define CUDNN_VERSION (CUDNN_MAJOR * 1000 + CUDNN_MINOR)\n",
            ".dockerenv": "",
        },
    )
    found = environment(["x"], Surroundings("/", {"PATH": ""}, root=root))
    assert found["cpu"]["model"] == "Fast 9000"
    assert found["gpus"] == ["NVIDIA A100"]
    assert found["cuda"] == {"driver": "535.104.05", "toolkit": "12.2.1", "cudnn": "8.9.7"}
    assert found["container"] == "docker"
    if sys.platform == "linux":
        assert found["os"]["distribution"] == "Debian GNU/Linux 12"


@pytest.mark.parametrize(
    ("texts", "cores", "memory"),
    [
        ({}, None, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5, None),
        (
            {
                "proc/self/cgroup": "0::/slurm/job_1\n",
                "sys/fs/cgroup/slurm/cpu.max": "200000 100000",
                "sys/fs/cgroup/slurm/job_1/cpu.max": "400000 100000",
                "sys/fs/cgroup/slurm/job_1/memory.max": "1048576\n",
            },
            2.0,
            1048576,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/job\n4:cpu,cpuacct:/job\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2097152\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            1.5,
            2097152,
        ),
        ({"proc/self/cgroup": "0::/../../x\n:\nnonsense\n", "sys/fs/cgroup/cpu.max": "1 0\n"}, None, None),
    ],
)
def test_limits(tmp_path: Path, texts: dict[str, str], cores: float | None, memory: int | None) -> None:
    """The least that a control group of the process, or one above it, allows is told; what is no limit is not."""
    found = machine(files(tmp_path, texts), {})
    assert found["cpu"].get("limit") == cores
    assert found.get("memory_limit") == memory


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_usable_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that may use some of the cores says how many; one that may use all of them says nothing."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4096)
    assert machine(str(tmp_path), {})["cpu"] == {"cores": 4096, "usable": len(os.sched_getaffinity(0))}
    monkeypatch.setattr(os, "cpu_count", lambda: len(os.sched_getaffinity(0)))
    assert "usable" not in machine(str(tmp_path), {})["cpu"]


@pytest.mark.parametrize(
    ("texts", "environ", "kind", "image"),
    [
        (
            {"run/.containerenv": 'name="happy_bell"\nid="123"\nimage="docker.io/library/debian:12"\nimageid="abc"\n'},
            {},
            "podman",
            {"name": "docker.io/library/debian:12", "id": "abc"},
        ),
        ({"run/.containerenv": ""}, {}, "podman", None),
        ({}, {"APPTAINER_CONTAINER": "/images/a.sif"}, "apptainer", {"name": "/images/a.sif"}),
        ({}, {"SINGULARITY_CONTAINER": "/images/a.sif"}, "singularity", {"name": "/images/a.sif"}),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes", None),
        ({"run/systemd/container": "lxc\n"}, {}, "lxc", None),
        ({}, {}, None, None),
    ],
)
def test_container(
    tmp_path: Path, texts: dict[str, str], environ: dict[str, str], kind: str | None, image: dict[str, str] | None
) -> None:
    """The kind of container is told, and its image where it can be seen; never the name of that one container."""
    found = machine(files(tmp_path, texts), environ)
    assert found.get("container") == kind
    assert found.get("image") == image


def nvidia_smi(folder: Path, text: str) -> dict[str, str]:
    """The variables with which `nvidia-smi` is a program that prints this and counts how often."""
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho x >>{folder}/asked\ncat <<'END'\n{text}\nEND\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_nvidia_smi(tmp_path: Path) -> None:
    """nvidia-smi tells models, memory and driver; it is asked once, until the system is another one."""
    environ = nvidia_smi(tmp_path / "bin", "NVIDIA A100-SXM4-40GB, 535.104.05, 40960\nTesla, T4, 535.104.05, 15360")
    root = files(tmp_path / "root", {"proc/sys/kernel/random/boot_id": "first\n"})
    cache = str(tmp_path / "cache")
    with pytest.raises(MustAsk):
        gpus(root, environ, cache, 0)
    found = gpus(root, environ, cache, 5)
    assert found == {
        "gpus": ["NVIDIA A100-SXM4-40GB", "Tesla, T4"],
        "gpu_memory": [40960 << 20, 15360 << 20],
        "cuda": {"driver": "535.104.05"},
    }
    assert gpus(root, environ, cache, 0) == found
    assert (tmp_path / "bin" / "asked").read_text() == "x\n"
    files(tmp_path / "root", {"proc/sys/kernel/random/boot_id": "second\n"})
    with pytest.raises(MustAsk):
        gpus(root, environ, cache, 0)


@pytest.mark.parametrize(
    "answer", [b"", b"NVIDIA-SMI has failed, because it, could not\n", b"a, b\n", b"\xff\xff, 1, [N/A]\n", b", , 1"]
)
def test_nvidia_smi_without_a_driver(answer: bytes) -> None:
    """What is no list of GPUs is none, and no error."""
    assert parse_nvidia_smi(answer) == []


def test_amd(tmp_path: Path) -> None:
    """AMD's GPUs are told by their architecture, and ROCm by its version; a processor is no GPU."""
    nodes = "sys/class/kfd/kfd/topology/nodes"
    root = files(
        tmp_path,
        {
            f"{nodes}/0/properties": "cpu_cores_count 64\ngfx_target_version 0\n",
            f"{nodes}/1/properties": "simd_count 440\ngfx_target_version 90010\n",
            f"{nodes}/2/properties": "gfx_target_version 110000\n",
            "opt/rocm/.info/version": "6.0.2-115\n",
        },
    )
    assert gpus(root, {"PATH": ""}, None, 0) == {"gpus": ["AMD gfx90a", "AMD gfx1100"], "rocm": "6.0.2-115"}


@pytest.mark.parametrize(
    "text", ["", "{", '{"cuda": 3}', '{"cuda": {"version": 3}}', '{"cuda": {"version": "\\u001b"}}']
)
def test_damaged_cuda_version(tmp_path: Path, text: str) -> None:
    """A version.json that says nothing is no toolkit."""
    found: dict[str, Any] = gpus(files(tmp_path, {"usr/local/cuda/version.json": text}), {"PATH": ""}, None, 0)
    assert found == {}


def test_cuda_home(tmp_path: Path) -> None:
    """The toolkit that a variable names comes before the usual place."""
    version = '{"cuda": {"name": "CUDA SDK", "version": "%s"}}'
    root = files(
        tmp_path,
        {"usr/local/cuda/version.json": version % "11.8", "opt/cuda/version.json": version % "12.4"},
    )
    assert gpus(root, {"PATH": "", "CUDA_HOME": "/opt/cuda"}, None, 0)["cuda"] == {"toolkit": "12.4"}


def test_variables(tmp_path: Path) -> None:
    """Values of the list are told, without secrets and without what gitxp itself puts on the PYTHONPATH."""
    probe = str(tmp_path / "gitxp" / "capture" / "probe")
    assert variables({"PYTHONPATH": f"{probe}:/code", "CUDA_VISIBLE_DEVICES": "", "HOME": "/me"}) == {
        "PYTHONPATH": "/code",
        "CUDA_VISIBLE_DEVICES": "",
    }
    assert variables({"PYTHONPATH": probe}) == {}
    assert "hunter22" not in str(variables({"PYTHONPATH": "https://me:hunter22@example.org/x"}))
