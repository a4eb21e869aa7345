"""Where in a command the user's program begins: `uv run torchrun --nproc_per_node 2 train.py --lr 0.1`.

A launcher's own options are no parameters of the experiment, and only a table tells which of them take a value: for
`env`, `python` or `uv` the few that do are listed, for `torchrun` and its like, where nearly all do, the few that do
not. A launcher that is not in the table is taken for the program itself.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from gitxp.light import NamedTuple


class Launcher(NamedTuple):
    """How to step over one launcher: `values` are its options that take the next word.

    With `flags`, it is the other way round: all options take the next word, except these. `subcommands` are words that
    must follow (`uv run`), else the launcher is the program. `words` is how many plain words come before the program
    (`timeout 10 …`). `modules` are options whose value is the program (`python -m`).
    """

    values: frozenset[str] = frozenset()
    flags: frozenset[str] | None = None
    subcommands: frozenset[str] = frozenset()
    words: int = 0
    modules: frozenset[str] = frozenset()
    assignments: bool = False


# Launchers within launchers; each costs a copy of the words, and a command may have a hundred thousand.
_DEEPEST = 20


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PYTHON = Launcher(values=_set("-W -X --check-hash-based-pycs"), modules=_set("-m -c"))
_SHELL = Launcher(values=_set("-o +o -O +O --rcfile --init-file"), modules=_set("-c"))
_RUN = _set("run")
_TORCHRUN = Launcher(
    flags=_set("--standalone --no-python --no_python --run-path --run_path --use-env --use_env --use-agent-store"),
    modules=_set("-m --module"),
)
_MPI = Launcher(
    values=_set(
        "-n -np --np -c -x -H -host --host -hostfile --hostfile -machinefile --machinefile -genv -ppn -map-by --map-by "
        "-bind-to --bind-to -wdir --wdir -mca --mca -env -f -hosts -N -npernode --npernode"
    )
)
_LAUNCHERS = {
    "env": Launcher(values=_set("-u --unset -C --chdir -S --split-string"), assignments=True),
    "nice": Launcher(values=_set("-n --adjustment")),
    "ionice": Launcher(values=_set("-c -n -p --class --classdata")),
    "nohup": Launcher(),
    "setsid": Launcher(),
    "time": Launcher(values=_set("-f -o --format --output")),
    "timeout": Launcher(values=_set("-k -s --kill-after --signal"), words=1),
    "stdbuf": Launcher(values=_set("-i -o -e --input --output --error")),
    "taskset": Launcher(values=_set("-p --pid"), words=1),
    "numactl": Launcher(values=_set("-i -p -m -N -C -l")),
    "caffeinate": Launcher(values=_set("-t -w")),
    "xvfb-run": Launcher(values=_set("-n -s -e -f --server-num --server-args")),
    "bash": _SHELL,
    "sh": _SHELL,
    "dash": _SHELL,
    "zsh": _SHELL,
    "uv": Launcher(
        values=_set(
            "-p --python --with --with-editable --with-requirements --extra --group --no-group --only-group --env-file "
            "--project --directory --package --index --index-url --default-index -f --find-links --cache-dir"
        ),
        modules=_set("-m --module"),
        subcommands=_RUN,
    ),
    "poetry": Launcher(values=_set("-C --directory -P --project"), subcommands=_RUN),
    "pdm": Launcher(values=_set("-p --project --venv"), subcommands=_RUN),
    "rye": Launcher(values=_set("--pyproject"), subcommands=_RUN),
    "pipenv": Launcher(subcommands=_RUN),
    "hatch": Launcher(values=_set("-e --env -p --project"), subcommands=_RUN),
    "pixi": Launcher(values=_set("-e --environment --manifest-path"), subcommands=_RUN),
    "conda": Launcher(values=_set("-n --name -p --prefix --cwd"), subcommands=_RUN),
    "mamba": Launcher(values=_set("-n --name -p --prefix --cwd"), subcommands=_RUN),
    "micromamba": Launcher(values=_set("-n --name -p --prefix --cwd"), subcommands=_RUN),
    "coverage": Launcher(
        values=_set("--source --omit --include --rcfile --data-file --concurrency --context"),
        modules=_set("-m --module"),
        subcommands=_RUN,
    ),
    "pdb": Launcher(values=_set("-c --command"), modules=_set("-m")),
    "cProfile": Launcher(values=_set("-o --outfile -s --sort"), modules=_set("-m")),
    "kernprof": Launcher(values=_set("-o --outfile -s --setup -u --unit")),
    "torchrun": _TORCHRUN,
    "torch.distributed.run": _TORCHRUN,
    "torch.distributed.launch": _TORCHRUN,
    "accelerate": Launcher(
        flags=_set(
            "--cpu --multi_gpu --multi-gpu --tpu --ipex --use_deepspeed --use-deepspeed --use_fsdp --use-fsdp "
            "--use_megatron_lm --use-megatron-lm --no_python --no-python --quiet -q --debug --tpu_cluster "
            "--tpu-cluster --enable_cpu_affinity --enable-cpu-affinity"
        ),
        modules=_set("-m --module"),
        subcommands=_set("launch"),
    ),
    "deepspeed": Launcher(
        flags=_set("--no_python --no_local_rank --no_ssh --no_ssh_check --force_multi --save_pid --elastic_training"),
        modules=_set("--module"),
    ),
    "mpirun": _MPI,
    "mpiexec": _MPI,
    "srun": Launcher(
        values=_set(
            "-A --account -b --begin -c --cpus-per-task -C --constraint -d --dependency -D --chdir -e --error -G --gpus "
            "-i --input -J --job-name -L --licenses -m --distribution -M --clusters -n --ntasks -N --nodes -o --output "
            "-p --partition -q --qos -r --relative -S --core-spec -t --time -T --threads -w --nodelist -W --wait "
            "-x --exclude --comment --container --cores-per-socket --cpu-bind --cpu-freq --cpus-per-gpu --epilog --export "
            "--gpu-bind --gpu-freq --gpus-per-node --gpus-per-socket --gpus-per-task --gres --gres-flags --het-group "
            "--hint --jobid --mail-type --mail-user --mem --mem-bind --mem-per-cpu --mem-per-gpu "
            "--mincpus --mpi --ntasks-per-core --ntasks-per-gpu --ntasks-per-node --ntasks-per-socket --priority "
            "--profile --prolog --reservation --signal --sockets-per-node --switches --task-epilog --task-prolog "
            "--thread-spec --threads-per-core --time-min --tmp --wckey"
        )
    ),
}


def program_arguments(command: Sequence[str], cwd: str) -> list[str]:
    """The arguments of the user's program: what follows the script, the module, or the executable.

    `cwd` is not searched for anything but a script that has the name of a launcher.
    """
    words = list(command)
    for _ in range(_DEEPEST):
        launcher = _find(words[0], cwd) if words else None
        rest = _after(launcher, words[1:]) if launcher else None
        if rest is None:
            break
        words = rest
    return words[1:]


def _find(word: str, cwd: str) -> Launcher | None:
    name = os.path.basename(word)
    if is_python(name):
        return _PYTHON
    launcher = _LAUNCHERS.get(name)
    # a folder's own file `time` or `env`, named as ./time, is somebody's program
    if launcher and "/" in word and not os.path.isabs(word) and os.path.isfile(os.path.join(cwd, word)):
        return launcher if os.sep + "bin" + os.sep in os.path.join(cwd, word) else None
    return launcher


def is_launcher(name: str) -> bool:
    """Whether a program or module of this name is known to start others."""
    return name in _LAUNCHERS


def is_python(name: str) -> bool:
    """Whether a program of this name is a Python interpreter: `python`, `python3.12`, `pypy3`."""
    for stem in ("python", "pypy"):
        if name.startswith(stem):
            return all(c.isdigit() or c in ".t" for c in name[len(stem) :])
    return False


def _after(launcher: Launcher, words: list[str]) -> list[str] | None:
    """The words from the program on (the first one is the program), or None where the launcher is the program."""
    at = 0
    subcommands, plain = launcher.subcommands, launcher.words
    while at < len(words):
        word = words[at]
        at += 1
        if word in launcher.modules or word == "--":
            return words[at:]
        if len(word) > 1 and word[0] in "-+":
            if module := _joined_module(launcher, word):
                return words[at:] if module is True else [str(module), *words[at:]]
            at += _takes_value(launcher, word)
        elif launcher.assignments and "=" in word:
            continue
        elif subcommands:
            if word not in subcommands:
                return None
            subcommands = frozenset()
        elif plain:
            plain -= 1
        else:
            return words[at - 1 :]
    return None if subcommands else []


def _takes_value(launcher: Launcher, option: str) -> bool:
    if "=" in option:
        return False
    return option in launcher.values if launcher.flags is None else option not in launcher.flags


def _joined_module(launcher: Launcher, word: str) -> str | bool:
    """`-um`, `-mpkg`, `-ic`: short options joined, with `m` or `c` the last. True: the next word is the program."""
    if launcher.flags is not None or word[:2] == "--" or word[0] != "-" or len(word) < 3:
        return False
    for place, letter in enumerate(word[1:], 1):
        if "-" + letter in launcher.values:
            return False
        if "-" + letter in launcher.modules:
            return word[place + 1 :] or True
    return False
