"""The machine and the system on it: processor, memory, how much of them this process may use, and the container around it.

What a container may use is not what the machine has: `os.cpu_count()` of a container with half a core on a machine of 64
is 64. The limits are those of the control groups (cgroups) that this process is in, which the command inherits; each
group's limit holds for all groups below, so that the least of them counts.
"""

from __future__ import annotations

import os

from gitxp.capture.environment.system_files import field, place, read_start
from gitxp.capture.secrets.redaction import redact_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_GROUPS = "/sys/fs/cgroup"
_APPTAINER = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")


def machine(root: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """`os`, `cpu`, `memory`, `memory_limit`, `container` and `image` of environment.json; the latter three where known."""
    memory = _memory()
    cpu, limit = _limits(root)
    image = _image(root, environ)
    found: dict[str, Any] = {"os": _system(root), "cpu": _cpu(root) | ({"limit": cpu} if cpu else {})}
    optional = {
        "memory": memory,
        "memory_limit": limit if limit and limit < (memory or limit + 1) else None,
        "container": _container(root, environ),
        "image": image,
    }
    return found | {key: thing for key, thing in optional.items() if thing}


def _system(root: str) -> dict[str, str]:
    uname = os.uname()
    system = {"system": uname.sysname, "release": uname.release, "machine": uname.machine}
    release = read_start(root, "/etc/os-release") or read_start(root, "/usr/lib/os-release")
    distribution = field(release, "PRETTY_NAME", separator="=")
    if uname.sysname == "Darwin":
        plist = read_start(root, "/System/Library/CoreServices/SystemVersion.plist")
        _, _, after = plist.partition("<key>ProductVersion</key>")
        version = after.partition("<string>")[2].partition("</string>")[0].strip()
        distribution = f"macOS {version}" if version else None
    return system | ({"distribution": distribution} if distribution else {})


def _cpu(root: str) -> dict[str, Any]:
    model = field(read_start(root, "/proc/cpuinfo", 4096), "model name", "Model", "cpu model", "Hardware")
    cores = os.cpu_count() or 1
    cpu: dict[str, Any] = {"cores": cores}
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        usable = len(os.sched_getaffinity(0))
        if usable < cores:
            cpu["usable"] = usable
    return cpu | ({"model": model} if model else {})


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _limits(root: str) -> tuple[float | None, int | None]:
    """Cores and bytes that the control groups of this process allow; None where they do not limit."""
    cores: list[float] = []
    memory: list[int] = []
    for line in read_start(root, "/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:  # version 2: one tree for all
            for group in _upwards(f"{_GROUPS}{path}"):
                cores += _quota(*(read_start(root, f"{group}/cpu.max").split() or ["max", ""])[:2])
                memory += _number(read_start(root, f"{group}/memory.max"))
        for controller in controllers.split(","):
            for group in _upwards(f"{_GROUPS}/{controller}{path}") if controller in {"cpu", "memory"} else ():
                if controller == "cpu":
                    files = (f"{group}/cpu.cfs_quota_us", f"{group}/cpu.cfs_period_us")
                    cores += _quota(*(read_start(root, file).strip() for file in files))
                else:
                    memory += _number(read_start(root, f"{group}/memory.limit_in_bytes"))
    return (round(min(cores), 3) if cores else None, min(memory, default=None))


def _upwards(group: str) -> Iterator[str]:
    """A group's folder and those above; a container sees its own group as the top, whatever /proc calls it."""
    group = os.path.normpath(group)
    while group.startswith(_GROUPS):
        yield group
        group = os.path.dirname(group)


def _quota(quota: str, period: str = "") -> list[float]:
    """`200000` of each `100000` µs are two cores; `max` and `-1` are no limit."""
    return [int(quota) / int(period)] if quota.isdecimal() and period.isdecimal() and int(period) else []


def _number(text: str) -> list[int]:
    return [int(text)] if text.strip().isdecimal() and len(text) < 25 else []


def _container(root: str, environ: Mapping[str, str]) -> str | None:
    for path, kind in (("/run/.containerenv", "podman"), ("/.dockerenv", "docker")):
        if os.path.exists(place(root, path)):
            return kind
    if os.path.exists(place(root, "/singularity")) or any(name in environ for name in _APPTAINER):
        return "apptainer" if environ.get(_APPTAINER[0]) else "singularity"
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    # systemd's convention for whoever starts a container: `lxc`, `systemd-nspawn`, …
    return read_start(root, "/run/systemd/container", 64).strip() or None


def _image(root: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The image of the container, where it can be seen from within: Docker and Kubernetes show none.

    The container's own name and id say nothing of what is in it, and are of each container another.
    """
    about = read_start(root, "/run/.containerenv")
    name = field(about, "image", separator="=") or next((environ[key] for key in _APPTAINER if environ.get(key)), None)
    digest = field(about, "imageid", separator="=")
    return {key: value for key, value in (("name", name and redact_url(name)), ("id", digest)) if value}
