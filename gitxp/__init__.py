"""gitxp: an experiment tracker that lives in git.

`gitxp run python train.py` records an experiment into `refs/experiments/`; `gitxp.init`, `gitxp.log` and their like say
more from inside of a Python program, and `gitxp.Repo` does what the commands do. Names are imported when they are first
used: `import gitxp` itself costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.api.recorded import RecordedArtifact, RecordedMetric, RecordedRun
    from gitxp.api.runs import Runs, runs
    from gitxp.current.active import ActiveRun
    from gitxp.current.media import (
        Artifact,
        Audio,
        ConfusionMatrix,
        Figure,
        Histogram,
        Html,
        Image,
        Media,
        Table,
        Text,
        Video,
    )
    from gitxp.current.process import (
        alert,
        define_metric,
        finish,
        init,
        log,
        log_artifact,
        log_confusion_matrix,
        log_figure,
        log_histogram,
        log_image,
        log_table,
        log_text,
        login,
        save,
        watch,
    )
    from gitxp.current.settings import Config, Summary
    from gitxp.model import Run
    from gitxp.repo import Repo

    run: ActiveRun | None
    config: Config
    summary: Summary

__version__ = "0.1.0"
# Each public name and the module that has it.
_HOMES = {
    **dict.fromkeys(
        (
            "init log finish log_artifact log_image log_figure log_table log_text log_confusion_matrix log_histogram save "
            "alert login watch define_metric"
        ).split(),
        "gitxp.current.process",
    ),
    **dict.fromkeys(
        "Artifact Audio ConfusionMatrix Figure Histogram Html Image Media Table Text Video".split(),
        "gitxp.current.media",
    ),
    "ActiveRun": "gitxp.current.active",
    # what IPython looks for at `%load_ext gitxp`
    "load_ipython_extension": "gitxp.integrations.magic",
    "unload_ipython_extension": "gitxp.integrations.magic",
    "Repo": "gitxp.repo",
    "runs": "gitxp.api.runs",
    "Runs": "gitxp.api.runs",
    **dict.fromkeys("RecordedArtifact RecordedMetric RecordedRun".split(), "gitxp.api.recorded"),
    "Run": "gitxp.model",
}
# What is another thing for each run: functions of gitxp.current.process.
_CHANGING = {"run": "find_active", "config": "config", "summary": "summary"}
__all__ = [
    "ActiveRun",
    "Artifact",
    "Audio",
    "ConfusionMatrix",
    "Figure",
    "Histogram",
    "Html",
    "Image",
    "Media",
    "RecordedArtifact",
    "RecordedMetric",
    "RecordedRun",
    "Repo",
    "Run",
    "Runs",
    "Table",
    "Text",
    "Video",
    "__version__",
    "alert",
    "define_metric",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_confusion_matrix",
    "log_figure",
    "log_histogram",
    "log_image",
    "log_table",
    "log_text",
    "login",
    "runs",
    "save",
    "watch",
]


def __getattr__(name: str) -> object:
    import sys

    if name in _HOMES:
        module = _HOMES[name]
        __import__(module)
        found: object = getattr(sys.modules[module], name)
        globals()[name] = found
        return found
    if name in _CHANGING:
        from gitxp.current import process

        return getattr(process, _CHANGING[name])()
    raise AttributeError(f"module 'gitxp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_CHANGING})
