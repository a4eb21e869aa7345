"""Python imports a module of this name when it starts. We load the probe, and then step aside for the user's own.

It must be readable for any Python, since the probe's limits are found out here: an old one only hands on. What the
program sees is as without us: our folder is off `sys.path` again, and `sitecustomize` is the user's, or there is none.
"""

# mypy: ignore-errors

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _load():
    folder = os.environ.get("GITXP_RUN_DIR")
    if folder and os.environ.get("GITXP_PROBE") != "0" and sys.version_info >= (3, 8):
        try:
            _hide_from_tracers()
            from _gitxp_probe import start

            start(folder)
        except Exception:  # what is amiss with the probe must not be amiss with the program
            _tell(folder, sys.exc_info()[1])


def _hide_from_tracers():
    """Have no files that coverage and trace would count among the program's."""
    import _frozen_importlib_external as external

    def renamed(code, name):
        constants = [renamed(item, name) if isinstance(item, type(code)) else item for item in code.co_consts]
        return code.replace(co_filename=name, co_consts=tuple(constants))

    class Loader(external.SourceFileLoader):
        def get_code(self, fullname):
            return renamed(super().get_code(fullname), "<gitxp>/" + os.path.basename(self.path))

        def exec_module(self, module):
            super().exec_module(module)
            del module.__file__

    for function in (renamed, Loader.get_code, Loader.exec_module):
        function.__code__ = renamed(function.__code__, "<gitxp>/sitecustomize.py")
    for folder in (_FOLDER, os.path.join(_FOLDER, "_gitxp_probe")):
        sys.path_importer_cache[folder] = external.FileFinder(folder, (Loader, [".py"]))


def _tell(folder, error):
    """Leave a word of what happened, for the run's record."""
    version = "%d.%d" % tuple(sys.version_info[:2])
    text = "The probe could not be loaded: %s (Python %s)." % (type(error).__name__, version)
    line = '{"kind":"problem","text":"%s"}\n' % text
    path = os.path.join(folder, "said", "%d-%s.jsonl" % (os.getpid(), os.urandom(4).hex()))
    try:
        if not os.path.isdir(os.path.dirname(path)):
            os.mkdir(os.path.dirname(path))
        with open(path, "w") as file:
            file.write(line)
    except OSError:
        return  # a full disk: there is nowhere to say it


def _path():
    """The path without our folder.

    Where there was no PYTHONPATH before, ours ends in a slash. If somebody added to it then, as in `./src:$PYTHONPATH`,
    there would be an empty entry without us, which is the current folder.
    """
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    is_added_to = len(entries) > 1 and _FOLDER + "/" in entries
    path = []
    for entry in sys.path:
        if os.path.abspath(entry or ".") != _FOLDER:
            path.append(entry)
        elif is_added_to:
            path.append(os.getcwd())
    return path


def _step_aside():
    sys.path[:] = _path()
    for folder in (_FOLDER, _FOLDER + "/"):
        sys.path_importer_cache.pop(folder, None)
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401  (the user's)
    except ImportError:
        if "sitecustomize" in sys.modules:
            raise
        sys.modules["sitecustomize"] = ours  # the import that is going on takes it away again
        raise


_load()
_step_aside()
