"""environment.json: what a run stood on. The same machine and the same packages give the same bytes, and git one blob.

So there are no times in it, no process ids, no free memory. Packages are told by the names of their `.dist-info`
folders, without running or importing a line of the user's. The variables are those of a short list, which change how
numbers come out or where they are computed: an environment is full of secrets, and the rest of it stays out.
"""

from __future__ import annotations

import os

from gitxp.capture.interpreter import TIMEOUT, find_interpreter
from gitxp.capture.secrets import redact_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gitxp.capture.interpreter import Interpreter

VARIABLES = (
    "CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING CUBLAS_WORKSPACE_CONFIG NVIDIA_VISIBLE_DEVICES "
    "NVIDIA_TF32_OVERRIDE HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES OMP_NUM_THREADS MKL_NUM_THREADS "
    "OPENBLAS_NUM_THREADS NUMEXPR_NUM_THREADS VECLIB_MAXIMUM_THREADS PYTHONHASHSEED TF_DETERMINISTIC_OPS "
    "TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH PYTORCH_CUDA_ALLOC_CONF PYTORCH_ENABLE_MPS_FALLBACK XLA_FLAGS "
    "JAX_PLATFORMS JAX_ENABLE_X64 TOKENIZERS_PARALLELISM SLURM_JOB_ID SLURM_ARRAY_TASK_ID SLURM_NTASKS SLURM_PROCID "
    "SLURM_NNODES SLURM_CPUS_PER_TASK SLURM_JOB_PARTITION WORLD_SIZE RANK LOCAL_RANK"
).split()
_MAX_VALUE = 500
_NVIDIA = "/proc/driver/nvidia"


def environment(
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    cache_path: str | None,
    *,
    root: str = "/",
    timeout: float = TIMEOUT,
) -> dict[str, Any]:
    """The content of environment.json for a command that is run in `cwd` with `environ`.

    Keys, each absent where nothing is known: `python` {executable, version, implementation, prefix}, `packages` {name:
    version} of that Python, `virtual_env` (a path), `conda` {name, prefix, packages}, `os` {system, release, machine,
    distribution}, `cpu` {model, cores}, `memory` (bytes), `gpus` (models), `cuda` {driver, toolkit}, `container`,
    `variables`.

    `cache_path` is a folder for what interpreters said of themselves; None does without. `root` is where the files of
    the system are looked for. `timeout` and `MustAsk` are as in `find_interpreter`.
    """
    found: dict[str, Any] = {"os": _system(root), "cpu": _cpu(root)}
    interpreter = find_interpreter(command, cwd, environ, cache_path, timeout=timeout)
    if interpreter:
        found["python"] = interpreter.to_json()
        found["packages"] = _packages(interpreter)
        if interpreter.is_virtual:
            found["virtual_env"] = interpreter.prefix
    optional = {
        "conda": _conda(environ),
        "memory": _memory(),
        "gpus": _gpus(root),
        "cuda": _cuda(root),
        "container": _container(root),
        "variables": {name: redact_value(name, environ[name])[:_MAX_VALUE] for name in VARIABLES if name in environ},
    }
    return found | {key: thing for key, thing in optional.items() if thing}


def list_packages(folders: Sequence[str]) -> dict[str, str]:
    """The packages in these site-packages folders by normalised name; of two the first, as Python's path has it."""
    packages: dict[str, str] = {}
    for folder in folders:
        here: dict[str, str] = {}
        for entry in _names(folder):
            stem, dot, kind = entry.rpartition(".")
            if dot and kind in {"dist-info", "egg-info"}:
                name, _, version = stem.partition("-")
                if kind == "egg-info":  # name-1.0-py3.11.egg-info
                    version = version.partition("-py")[0]
                if name and not name.startswith("~"):  # pip renames what it could not remove to ~ame
                    here[normalise(name)] = version
        packages = here | packages
    return dict(sorted(packages.items()))


def normalise(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    parts = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(part for part in parts if part)


def _packages(interpreter: Interpreter) -> dict[str, str]:
    return list_packages(interpreter.site_packages)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read(root: str, path: str, size: int = 16_384) -> str:
    """The beginning of a small system file, empty where there is none: /proc/cpuinfo of 256 cores takes long."""
    try:
        fd = os.open(os.path.join(root, path.lstrip("/")), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, size).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _field(text: str, *keys: str, separator: str = ":") -> str | None:
    for line in text.splitlines():
        key, found, value = line.partition(separator)
        if found and key.strip() in keys and value.strip():
            return value.strip().strip("\"'")
    return None


def _system(root: str) -> dict[str, str]:
    uname = os.uname()
    system = {"system": uname.sysname, "release": uname.release, "machine": uname.machine}
    release = _read(root, "/etc/os-release") or _read(root, "/usr/lib/os-release")
    distribution = _field(release, "PRETTY_NAME", separator="=")
    if uname.sysname == "Darwin":
        plist = _read(root, "/System/Library/CoreServices/SystemVersion.plist")
        _, _, after = plist.partition("<key>ProductVersion</key>")
        version = after.partition("<string>")[2].partition("</string>")[0].strip()
        distribution = f"macOS {version}" if version else None
    return system | ({"distribution": distribution} if distribution else {})


def _cpu(root: str) -> dict[str, Any]:
    model = _field(_read(root, "/proc/cpuinfo", 4096), "model name", "Model", "cpu model", "Hardware")
    cpu: dict[str, Any] = {"cores": os.cpu_count() or 1}
    return cpu | ({"model": model} if model else {})


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _gpus(root: str) -> list[str]:
    folder = os.path.join(root, _NVIDIA.lstrip("/"), "gpus")
    models = [_field(_read("/", os.path.join(folder, name, "information")), "Model") for name in _names(folder)]
    return [model for model in models if model]


def _cuda(root: str) -> dict[str, str]:
    cuda = {}
    # NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 …
    words = (_field(_read(root, f"{_NVIDIA}/version"), "NVRM version") or "").split()
    driver = next((word for word in words if word[0].isdigit() and "." in word), None)
    if driver:
        cuda["driver"] = driver
    text = _read(root, "/usr/local/cuda/version.json")
    if text:
        import json

        try:
            toolkit = json.loads(text)["cuda"]["version"]
        except (ValueError, LookupError, TypeError):
            toolkit = None
        if isinstance(toolkit, str):
            cuda["toolkit"] = toolkit
    return cuda


def _container(root: str) -> str | None:
    for path, kind in (("run/.containerenv", "podman"), (".dockerenv", "docker"), ("singularity", "singularity")):
        if os.path.exists(os.path.join(root, path)):
            return kind
    return None


def _conda(environ: Mapping[str, str]) -> dict[str, Any]:
    prefix = environ.get("CONDA_PREFIX")
    if not prefix:
        return {}
    conda: dict[str, Any] = {"prefix": prefix}
    if environ.get("CONDA_DEFAULT_ENV"):
        conda["name"] = environ["CONDA_DEFAULT_ENV"]
    packages = {}
    for entry in _names(os.path.join(prefix, "conda-meta")):
        parts = entry.removesuffix(".json").rsplit("-", 2)  # numpy-1.26.4-py311h64a7726_0.json
        if entry.endswith(".json") and len(parts) == 3:
            packages[parts[0]] = parts[1]
    return conda | ({"packages": packages} if packages else {})
