"""The environment variables that are recorded: a short list of those which change how numbers come out, or where.

An environment is full of secrets, so that all others stay out; and what looks like a secret in one of these is redacted.
"""

from __future__ import annotations

import os

from gitxp.capture.secrets.redaction import redact_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = (
    # which GPUs, and how they compute
    "CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING CUBLAS_WORKSPACE_CONFIG NVIDIA_VISIBLE_DEVICES "
    "NVIDIA_TF32_OVERRIDE HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION "
    # in how many threads, and with which instructions: sums of floats depend on both
    "OMP_NUM_THREADS OMP_PROC_BIND OMP_PLACES OMP_SCHEDULE OMP_DYNAMIC KMP_AFFINITY KMP_BLOCKTIME "
    "KMP_DETERMINISTIC_REDUCTION GOMP_CPU_AFFINITY MKL_NUM_THREADS MKL_DYNAMIC MKL_CBWR MKL_ENABLE_INSTRUCTIONS "
    "OPENBLAS_NUM_THREADS OPENBLAS_CORETYPE BLIS_NUM_THREADS NUMEXPR_NUM_THREADS NUMBA_NUM_THREADS NUMBA_DISABLE_JIT "
    "NPY_DISABLE_CPU_FEATURES VECLIB_MAXIMUM_THREADS JULIA_NUM_THREADS RAYON_NUM_THREADS TOKENIZERS_PARALLELISM "
    # how languages find code, and what they do with it
    "PYTHONHASHSEED PYTHONOPTIMIZE PYTHONNOUSERSITE PYTHONPATH JULIA_PROJECT R_LIBS LD_PRELOAD LD_LIBRARY_PATH "
    # what frameworks are told
    "TF_DETERMINISTIC_OPS TF_CUDNN_DETERMINISTIC TF_CUDNN_USE_AUTOTUNE TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH "
    "TF_XLA_FLAGS TF_USE_LEGACY_KERAS KERAS_BACKEND PYTORCH_CUDA_ALLOC_CONF PYTORCH_HIP_ALLOC_CONF "
    "PYTORCH_ENABLE_MPS_FALLBACK TORCH_ALLOW_TF32_CUBLAS_OVERRIDE TORCHDYNAMO_DISABLE XLA_FLAGS "
    "XLA_PYTHON_CLIENT_PREALLOCATE XLA_PYTHON_CLIENT_MEM_FRACTION JAX_PLATFORMS JAX_ENABLE_X64 JAX_DISABLE_JIT "
    "JAX_DEFAULT_MATMUL_PRECISION HF_HUB_OFFLINE HF_DATASETS_OFFLINE TRANSFORMERS_OFFLINE ACCELERATE_MIXED_PRECISION "
    # which part of which job, and how the parts talk
    "NCCL_ALGO NCCL_PROTO NCCL_P2P_DISABLE NCCL_IB_DISABLE NCCL_SOCKET_IFNAME WORLD_SIZE RANK LOCAL_RANK "
    "LOCAL_WORLD_SIZE NODE_RANK SLURM_CLUSTER_NAME SLURM_JOB_ID SLURM_JOB_NAME SLURM_JOB_PARTITION SLURM_JOB_NODELIST "
    "SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_RESTART_COUNT SLURM_STEP_ID SLURM_NNODES SLURM_NODEID SLURM_NTASKS "
    "SLURM_PROCID SLURM_CPUS_PER_TASK SLURM_GPUS_ON_NODE PBS_JOBID PBS_JOBNAME PBS_ARRAY_INDEX LSB_JOBID LSB_JOBINDEX "
    "LSB_JOBNAME SGE_TASK_ID FLUX_JOB_ID"
).split()
_MAX_VALUE = 500
_PROBE = os.path.join("gitxp", "capture", "probe")


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of the list that are set, without what gitxp adds itself and without secrets."""
    found = {name: environ[name] for name in VARIABLES if name in environ}
    if "PYTHONPATH" in found:  # in a run inside of a run, the probe is on it
        entries = [entry for entry in found["PYTHONPATH"].split(os.pathsep) if not entry.endswith(_PROBE)]
        found["PYTHONPATH"] = os.pathsep.join(entries)
        if not any(entries):
            del found["PYTHONPATH"]
    return {name: redact_value(name, value)[:_MAX_VALUE] for name, value in found.items()}
