"""A real Jupyter kernel to execute cells in, as a notebook's server has one."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

_PATIENCE = 60


class Said(NamedTuple):
    """What a cell printed, the text of its result, and the name of its error with the traceback: empty where there is none."""

    stdout: str
    stderr: str
    result: str
    error: str
    traceback: str


class Kernel:
    """A kernel that runs in the folder `cwd`, its sockets in `sockets`; a context."""

    def __init__(self, cwd: str, sockets: Path, env: Mapping[str, str] | None = None) -> None:
        arguments = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        sockets.mkdir(exist_ok=True)
        self.manager: Any = KernelManager(transport="ipc", connection_file=str(sockets / "kernel.json"))
        self.manager._kernel_spec = KernelSpec(argv=arguments, language="python", display_name="Python 3")
        self.manager.start_kernel(cwd=cwd, env={**os.environ, **(env or {})})
        self.client: Any = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=_PATIENCE)

    def start(self, code: str) -> str:
        """Begin to execute a cell; the id to wait for."""
        message: str = self.client.execute(code)
        return message

    def wait(self, message: str) -> Said:
        """Wait for the end of a cell."""
        texts = {"stdout": "", "stderr": "", "result": "", "error": "", "traceback": ""}
        until = time.monotonic() + _PATIENCE
        while True:
            found = self.client.get_iopub_msg(timeout=max(until - time.monotonic(), 0.1))
            if found["parent_header"].get("msg_id") != message:
                continue
            content, kind = found["content"], found["msg_type"]
            if kind == "stream":
                texts[content["name"]] += content["text"]
            elif kind == "execute_result":
                texts["result"] = content["data"]["text/plain"]
            elif kind == "error":
                texts["error"] = content["ename"]
                texts["traceback"] += "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                return Said(**texts)

    def run(self, code: str) -> Said:
        """Execute a cell to its end."""
        return self.wait(self.start(code))

    def interrupt(self) -> None:
        """As the button with the square does."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """As the kernel's end without a word."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def stop(self) -> None:
        """As a server ends it: it is asked to."""
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.manager.cleanup_resources()
