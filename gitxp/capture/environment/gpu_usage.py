"""What NVIDIA's GPUs do, by NVML, where its Python binding (nvidia-ml-py) and a driver are installed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a package of the same import name, which says of itself that it is out of date
    import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"
_QUESTIONS: dict[str, Callable[[Any], float]] = {
    "utilization": lambda gpu: pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "memory": lambda gpu: pynvml.nvmlDeviceGetMemoryInfo(gpu).used,
    "power": lambda gpu: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000,  # of milliwatts
    "temperature": lambda gpu: pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU),
}


def find_gpu_usage(environ: Mapping[str, str]) -> GpuUsage | None:
    """What looks at the GPUs, or None where there is no NVIDIA driver. Raises `pynvml.NVMLError` where it refuses."""
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return None
    return GpuUsage(environ)


class GpuUsage:
    """The GPUs that a command with these variables may use; all of the machine where they do not say."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        handles = {i: pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())}
        self._handles = _visible(handles, environ.get(VISIBLE))

    def sample(self) -> dict[str, float]:
        """What each does now, by name; docs/howto/environment.md has names and units. What one cannot tell is left out.

        Raises `pynvml.NVMLError` where one is lost.
        """
        found: dict[str, float] = {}
        for index, handle in self._handles.items():
            for name, ask in _QUESTIONS.items():
                try:
                    found[f"gpu/{index}/{name}"] = ask(handle)
                except pynvml.NVMLError_NotSupported:
                    continue
        return found


def _visible(handles: dict[int, Any], wanted: str | None) -> dict[int, Any]:
    """Those of `CUDA_VISIBLE_DEVICES`: numbers up to the first that is none (CUDA has it so), or beginnings of UUIDs.

    All of them where it has names of another kind, such as those of parts of GPUs (MIG).
    """
    if wanted is None:
        return handles
    chosen: dict[int, Any] = {}
    for word in map(str.strip, wanted.split(",")):
        if word.isdecimal() and int(word) in handles:
            chosen[int(word)] = handles[int(word)]
        elif word.startswith("GPU-"):
            chosen |= {i: handle for i, handle in handles.items() if _uuid(handle).startswith(word)}
        elif word.startswith("MIG"):
            return handles
        else:
            break
    return chosen


def _uuid(handle: Any) -> str:
    uuid = pynvml.nvmlDeviceGetUUID(handle)
    return uuid.decode("ascii", "replace") if isinstance(uuid, bytes) else str(uuid)
