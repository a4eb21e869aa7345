"""GPUs, their driver, and what runs on them: CUDA, cuDNN, ROCm.

`/proc` and `/sys` tell models and drivers at once. How much memory a GPU has, nvidia-smi knows, which takes a second
where the driver has to wake up: its answer is kept until the system is started anew, or another driver is loaded.
"""

from __future__ import annotations

import os

from gitxp.capture.asking import ask, which
from gitxp.capture.environment.system_files import field, names_in, place, read_start
from gitxp.capture.kept import MustAsk, facts_of, keep, load_kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NVIDIA = "/proc/driver/nvidia"
_AMD = "/sys/class/kfd/kfd/topology/nodes"
_QUERY = ("--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
_NOUN = "nvidia-smi"
_MEBIBYTE = 1024 * 1024
_LONGEST = 200  # characters of a name


def gpus(root: str, environ: Mapping[str, str], cache_path: str | None, timeout: float) -> dict[str, Any]:
    """`gpus`, `gpu_memory`, `cuda` and `rocm` of environment.json, as far as they are known.

    Within `timeout` seconds; with 0, `MustAsk` is raised where nvidia-smi would have to be run.
    """
    driver = _driver(root)
    models, memory = _models(root), list[int]()
    program = which("nvidia-smi", "/", environ)
    if program:
        boot = read_start(root, "/proc/sys/kernel/random/boot_id").strip()
        answer = _ask(program, repr((facts_of(program), boot, driver, models)), environ, cache_path, timeout)
        if answer:
            driver = driver or answer[0]
            models, memory = list(answer[1::2]), [int(size) for size in answer[2::2]]
    cuda = {"driver": driver, "toolkit": _toolkit(root, environ), "cudnn": _cudnn(root, environ)}
    found = {
        "gpus": models + _amd_models(root),
        "gpu_memory": memory,
        "cuda": {key: value for key, value in cuda.items() if value},
        "rocm": read_start(root, "/opt/rocm/.info/version", 64).strip(),
    }
    return {key: value for key, value in found.items() if value}


def parse_nvidia_smi(answer: bytes) -> list[str]:
    """The driver's version, then model and bytes of each GPU; nothing where the answer is none.

    One line a GPU, such as `NVIDIA A100-SXM4-40GB, 535.104.05, 40960`; without a driver it is a sentence.
    """
    found: list[str] = []
    for line in answer.decode("utf-8", "replace").splitlines():
        model, driver, size = (part.strip() for part in [*line.rsplit(",", 2), "", ""][:3])
        if model and driver and size.isdecimal() and len(size) < 12:
            found = found or [driver[:_LONGEST]]
            found += [model[:_LONGEST], str(int(size) * _MEBIBYTE)]
    return found


def _ask(
    program: str, same: str, environ: Mapping[str, str], cache_path: str | None, timeout: float
) -> list[str] | None:
    host = os.uname().nodename  # one repository may be used on many machines
    kept = load_kept(cache_path, _NOUN, host, same)
    if kept is not None and all(size.isdecimal() for size in kept[2::2]):
        return kept
    if not timeout:
        raise MustAsk(program)
    answer = ask([program, *_QUERY], environ, timeout)
    if answer is None:
        return None
    found = parse_nvidia_smi(answer)
    keep(cache_path, _NOUN, host, same, found)
    return found


def _driver(root: str) -> str | None:
    # NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 …
    words = (field(read_start(root, f"{_NVIDIA}/version"), "NVRM version") or "").split()
    return next((word for word in words if word[0].isdigit() and "." in word), None)


def _models(root: str) -> list[str]:
    folder = place(root, f"{_NVIDIA}/gpus")
    models = [field(read_start(folder, f"{name}/information"), "Model") for name in names_in(folder)]
    return [model for model in models if model]


def _amd_models(root: str) -> list[str]:
    """`AMD gfx90a` for each GPU: the driver has the architecture as 90010; of a processor it is 0."""
    models = []
    for name in names_in(place(root, _AMD)):
        target = field(read_start(root, f"{_AMD}/{name}/properties"), "gfx_target_version", separator=" ") or ""
        if target.isdecimal() and int(target):
            major, rest = divmod(int(target), 10_000)
            models.append(f"AMD gfx{major}{rest // 100:x}{rest % 100:x}")
    return models


def _toolkit(root: str, environ: Mapping[str, str]) -> str | None:
    """The toolkit's version, from its version.json: `{"cuda": {"name": "CUDA SDK", "version": "12.2.1"}, …`."""
    for folder in _toolkits(environ):
        _, _, about = read_start(root, f"{folder}/version.json").partition('"cuda"')
        # json is not imported for it, on the way to the command's start
        version = about.partition('"version"')[2].partition('"')[2].partition('"')[0]
        if version and version.replace(".", "").isalnum():
            return version
    return None


def _cudnn(root: str, environ: Mapping[str, str]) -> str | None:
    for header in [
        *(f"{folder}/include/cudnn_version.h" for folder in _toolkits(environ)),
        "/usr/include/cudnn_version.h",
    ]:
        words = read_start(root, header).split()
        numbers = [
            words[i + 1] for key in ("CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL") for i in _places(words, key)
        ]
        if len(numbers) == 3 and all(number.isdecimal() for number in numbers):
            return ".".join(numbers)
    return None


def _places(words: list[str], name: str) -> list[int]:
    """Where `#define NAME value` stands."""
    return [i for i in range(1, len(words) - 1) if words[i] == name and words[i - 1] == "#define"][:1]


def _toolkits(environ: Mapping[str, str]) -> list[str]:
    named = [environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if environ.get(name, "").startswith("/")]
    return [*named, "/usr/local/cuda"]
