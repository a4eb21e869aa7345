"""`gitxp run train.ipynb`: the program that executes a notebook, top to bottom, as the command of a run.

It is a process of its own, like any command, so that signals, output and exit status are those of a command. The cells
are executed by nbclient in a Jupyter kernel; what they print is printed as it comes. The notebook file stays as it is:
the executed copy is an artifact of the run, saved after each cell, so that a failed or killed one keeps what was done.

Parameters are put in as papermill does it: a cell behind the one that is tagged `parameters`, tagged itself
`injected-parameters`, taking the place of one that is there already. What the tagged cell binds to literals are the
parameters that nobody gave.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

from gitxp.capture.params.command import capture_params
from gitxp.capture.params.constants import find_literals
from gitxp.capture.params.said import NOTEBOOK
from gitxp.capture.secrets.known import known_secrets, without_secrets
from gitxp.capture.secrets.redaction import redact_params
from gitxp.current.said import Said
from gitxp.current.settings import flat
from gitxp.errors import GitxpError, UsageError
from gitxp.git.beside import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PARAMETERS = "parameters"
_INJECTED = "injected-parameters"
_MAGIC = re.compile(r"^[%!].*", re.MULTILINE)  # what IPython reads, and Python does not
_FAILED = 1
_UNUSABLE = 125  # as `gitxp run` itself has it for what could not begin


def main(argv: Sequence[str]) -> int:
    """Execute the notebook `argv[0]` with the parameters in the words behind it; the exit status."""
    try:
        return execute(argv[0], argv[1:], os.environ)
    except GitxpError as error:
        sys.stderr.write(f"Error: {error.message}\n" + (f"Hint: {error.hint}\n" if error.hint else ""))
        return _UNUSABLE


def execute(path: str, words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Execute the notebook at `path`; 0, or 1 where a cell failed or the kernel died. Raises `UsageError`."""
    try:
        import nbclient  # noqa: F401  (whether it is there)
        import nbformat
    except ImportError as error:
        raise UsageError(
            f"Notebooks need nbclient, which is not installed here ({error.name}).",
            hint="pip install 'gitxp[notebook]'",
        ) from error
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise UsageError(
            f"{path} cannot be read as a notebook: {error}", hint="Open and save it in Jupyter."
        ) from error
    params, _, _ = capture_params([path, *words], os.getcwd(), ())
    defaults = find_defaults(notebook, params)
    if params:
        inject(notebook, params)
    if defaults and (live := environ.get("GITXP_RUN_DIR")):
        Said(live).say_all("params", "params", redact_params(flat(defaults)), source=NOTEBOOK)
    secrets = known_secrets([path, *words], [params], environ)
    return _run(notebook, _Copy(path, environ, secrets), os.path.dirname(os.path.abspath(path)))


def inject(notebook: Any, params: Mapping[str, Any]) -> None:
    """Put a cell that assigns the parameters into the notebook. `UsageError` for what cannot be assigned."""
    import nbformat

    language = _language(notebook)
    if language != "python":
        raise UsageError(
            f"Parameters can be put into notebooks in Python only, and this one is in {language}.",
            hint="Read them from a file that the notebook opens.",
        )
    for name in params:
        if not name.isidentifier():
            raise UsageError(
                f"{name!r} is no name that Python can assign to.", hint="Give a parameter as lr=0.1 or --lr 0.1."
            )
    source = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in params.items())
    cell = nbformat.v4.new_code_cell(source.rstrip("\n"), metadata={"tags": [_INJECTED]})
    if notebook.nbformat_minor < 5:  # ids came with 4.5
        cell.pop("id", None)
    cells = [cell for cell in notebook.cells if _INJECTED not in _tags(cell)]
    behind = next((at for at, cell in enumerate(cells, 1) if _PARAMETERS in _tags(cell)), 0)
    notebook.cells = [*cells[:behind], cell, *cells[behind:]]


def find_defaults(notebook: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a Python notebook has for the parameters that were not `given`: the names that its tagged cell binds to literals.

    A cell that was injected at an earlier time is above that, as long as nothing is given: else it goes.
    """
    if _language(notebook) != "python":
        return {}
    tags = (_PARAMETERS,) if given else (_PARAMETERS, _INJECTED)
    cells = [next((cell for cell in notebook.cells if tag in _tags(cell)), None) for tag in tags]
    found: dict[str, Any] = {}
    for cell in filter(None, cells):
        found |= find_literals(_MAGIC.sub("", cell.source).encode("utf-8", "surrogatepass"))
    return {name: value for name, value in found.items() if name not in given}


def _language(notebook: Any) -> str:
    language: str = notebook.metadata.get("kernelspec", {}).get("language", "python")
    return language


def _tags(cell: Any) -> Sequence[str]:
    tags: Sequence[str] = cell.metadata.get("tags", ())
    return tags


class _Copy:
    """The executed copy, an artifact of the run: replaced whole after each cell. What is secret of the parameters is not in it."""

    def __init__(self, path: str, environ: Mapping[str, str], secrets: Sequence[bytes]) -> None:
        self._secrets = secrets
        self.live = environ.get("GITXP_RUN_DIR")
        full = os.path.realpath(path)
        inside = os.path.relpath(full, os.path.realpath(environ.get("GITXP_ROOT") or os.getcwd()))
        self.name = os.path.basename(full) if inside.startswith("..") else inside
        self._is_told = False

    def save(self, notebook: Any) -> None:
        """Keep the notebook as it is now."""
        import nbformat

        if self.live is None:
            return
        target = os.path.join(self.live, "artifacts", self.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        cells = without_secrets(json.loads(nbformat.writes(notebook)), self._secrets)
        text = json.dumps(cells, indent=1, ensure_ascii=False, sort_keys=True)
        write_whole(target, f"{text}\n".encode())
        if not self._is_told:
            Said(self.live).say("artifact", path=self.name, source=target, type="notebook")
            self._is_told = True


def _run(notebook: Any, copy: _Copy, folder: str) -> int:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    class Client(NotebookClient):  # type: ignore[misc]  # an extra, whose types are not known
        """Prints what the cells print, when they do."""

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            content = msg["content"]
            if msg["msg_type"] == "stream":
                (sys.stderr if content["name"] == "stderr" else sys.stdout).write(content["text"])
            elif msg["msg_type"] in {"execute_result", "display_data"}:
                sys.stdout.write(f"{content['data'].get('text/plain', '')}\n")
            elif msg["msg_type"] == "error":
                sys.stderr.write("\n".join(content["traceback"]) + "\n")
            sys.stdout.flush()
            sys.stderr.flush()
            return super().output(outs, msg, display_id, cell_index)

    name = notebook.metadata.get("kernelspec", {}).get("name") or "python3"
    signals = _Signals()
    client: Any = Client(
        notebook,
        timeout=None,
        kernel_name=name,
        resources={"metadata": {"path": folder}},
        on_notebook_start=lambda **_: signals.listen(client),
        on_cell_executed=lambda **_: copy.save(notebook),
        coalesce_streams=True,
    )
    import tempfile

    status = 0
    sockets = tempfile.mkdtemp(prefix="gitxp-")
    try:
        _choose_kernel(client, name, sockets)
        client.execute()
    except CellExecutionError:
        status = _FAILED  # its traceback has been printed as the cell's output
    except DeadKernelError as error:
        status = _FAILED
        if not signals.number:
            sys.stderr.write(f"gitxp: the kernel died: {error}\n")
    except KeyboardInterrupt:  # before the kernel was there
        signals.number = signal.SIGINT
    finally:
        copy.save(notebook)
        shutil.rmtree(sockets, ignore_errors=True)
    if signals.number:  # end as a program ends of it, so that the run's status says so
        signal.signal(signals.number, signal.SIG_DFL)
        os.kill(os.getpid(), signals.number)
    return status


class _Signals:
    """Passes on to the kernel what asks for the end: the kernel is in a session of its own. `number`: which it was."""

    def __init__(self) -> None:
        self.number = 0
        self._tasks: list[Any] = []

    def listen(self, client: Any) -> None:
        """From now on, in the event loop that runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number, client.km)

    def _on_signal(self, number: int, kernel: Any) -> None:
        """Ctrl-C interrupts the cell, whose error is kept with its output; a second one, or SIGTERM, ends the kernel."""
        ends = self.number or number == signal.SIGTERM
        self.number = number
        action = kernel.shutdown_kernel(now=True) if ends else kernel.interrupt_kernel()
        self._tasks.append(asyncio.ensure_future(action))


def _choose_kernel(client: Any, name: str, sockets: str) -> None:
    """Let a Python notebook run on the Python of the user's PATH, where that has a kernel, and not on gitxp's own.

    gitxp may be installed apart (pipx, uv tool). We talk to the kernel by sockets in the folder `sockets`: others on this
    machine could listen to TCP. `UsageError` where there is no such kernel at all.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    manager = client.create_kernel_manager()
    manager.transport = "ipc"
    manager.connection_file = os.path.join(sockets, "kernel.json")
    python = shutil.which("python3") or shutil.which("python")
    if name == "python3" and python and os.path.abspath(python) != os.path.abspath(sys.executable):
        answer = os.spawnv(os.P_WAIT, python, [python, "-c", _HAS_KERNEL])
        if answer == 0:
            arguments = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            manager._kernel_spec = KernelSpec(argv=arguments, language="python", display_name="Python 3")  # noqa: SLF001
            return
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel as error:
        raise UsageError(
            f"There is no Jupyter kernel named {name!r} here.",
            hint="pip install ipykernel, in the environment that the notebook needs; or: jupyter kernelspec list",
        ) from error


_HAS_KERNEL = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ipykernel') is None)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
