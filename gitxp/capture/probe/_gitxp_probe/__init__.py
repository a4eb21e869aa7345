"""The probe: it sees what a Python program opens, imports and parses, and says so in the live folder of its run.

It must never be felt. So nothing here prints, imports beyond what Python has loaded anyway, starts a thread, or stands
on the stack while the user's own code runs; what goes wrong is a statement in the record and never an exception in the
program. The program is not changed but for `os._exit`, which says first what is still to be said, and the few methods
that parse a command line, in the modules `with_*`.
"""

from __future__ import annotations

import atexit
import os
import sys

from . import after_import, files, process, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def start(folder: str) -> None:
    """Begin to look, and say what is seen in this live folder."""
    if not os.path.isdir(folder) or not hasattr(sys, "addaudithook"):
        return
    journal = said.Said(folder)
    watch = files.Watch(journal)
    imports = process.Imports(journal)
    events = {
        "import": after_import.Watch(journal, imports).on_import,
        "os.chdir": watch.on_chdir,
        "os.rename": watch.on_rename,
        "os.link": watch.on_rename,
        "os.mkdir": watch.on_mkdir,
        "os.exec": lambda _: flush(),
        **process.watch(journal, watch.on_begin),
    }

    def flush() -> None:
        """Say all that is still to be said."""
        try:
            watch.flush()
            imports.finish()
            journal.finish()
        except Exception as error:
            journal.problem("The end", error)

    def end() -> None:
        """Say all of it, and what comes later when it comes."""
        watch.on_end()
        flush()

    def before_fork() -> None:
        """Leave nothing to say to both."""
        try:
            watch.flush()
        except Exception as error:
            journal.problem("A fork", error)

    def leave(status: int) -> NoReturn:
        """Exit to the system with specified status, without normal exit processing."""
        flush()
        leave_at_once(status)

    def renew() -> None:
        """In a forked child: begin anew."""
        journal.renew()
        watch.renew()

    leave_at_once, os._exit = os._exit, leave
    leave.__name__ = leave.__qualname__ = "_exit"
    os.register_at_fork(before=before_fork, after_in_child=renew)
    atexit.register(end)
    sys.addaudithook(watch.hook(events))
