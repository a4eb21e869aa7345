"""What people see: tables that fit and align, on 80, 120 and 200 columns, with colours that show on white and on black."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import pytest

from gitxp.cli import progress as progress_line
from gitxp.cli.progress import show_progress
from gitxp.render.measure import width_of
from gitxp.render.style import _INKS, _INKS_OF_256, Style
from screen import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

WIDTHS = (80, 120, 200)
LONG = "calm-otter-" + "long" * 20


@pytest.fixture
def many(factory: Factory) -> Factory:
    """Runs with long names, wide characters, forty parameters and numbers of all sizes."""
    for number in range(30):
        params: dict[str, object] = {"lr": 10.0 ** -(number % 6), "opt": "adam", "数据": "训练集🎉" * (number % 4)}
        params |= {f"layer{i}.size": i * number for i in range(40)} if number % 3 == 0 else {}
        factory.make(
            LONG if number == 7 else f"run-{number}",
            params=params,
            metrics={"loss": {"last": 1.2345678 / (number + 1), "min": 0, "max": 2, "count": 3}},
            files={"train.py": f"print({number})\n" * (number + 1), f"数据/{'文' * 40}.txt": "x" * number},
            command=["python", "训练.py", "--名字", "数据集🎉" * 10] if number % 5 == 0 else ["python", "train.py"],
            title="標題" * 40 if number % 7 == 0 else None,
            dirty=number % 2 == 0,
        )
    ask("tag", "run-3", "+good", "+论文")
    ask("rm", "run-4", "run-5")
    return factory


@pytest.mark.parametrize("command", [("plot", "loss", "--where", "has(loss)"), ("compare", "run-0", "run-1")])
def test_what_may_take_long_is_told(many: Factory, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    """Before the series of many runs are read, and runs compared, it is told what will be done."""
    del many
    told: list[str] = []

    @contextlib.contextmanager
    def listen() -> Iterator[Callable[[str], None]]:
        yield told.append

    monkeypatch.setattr(f"gitxp.cli.{command[0]}.show_progress", listen)
    ask(*command, width=80)
    assert told in (["reading the series of 28 runs"], ["comparing 2 runs"])


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_fit(many: Factory, width: int) -> None:
    """No line of a table or a page is wider than the terminal, whatever the names are."""
    del many
    for command in (
        ("list", "-n", "0"),
        ("show", LONG),
        ("show", "run-0"),
        ("tree", "-n", "0"),
        ("du", "-n", "0"),
        ("du", "run-9"),
        ("trash",),
        ("tag",),
        ("diff", "run-0", "run-1", "--params", "--metrics"),
        ("compare", "run-0", LONG, "run-3"),
        ("compare", "--where", "has(loss)", "-n", "0"),
        ("why", "run-0", LONG),
        ("list", "--group-by", 'params["数据"],title'),
        ("list", "--best", "loss", "--per", "name"),
        ("list", "--pareto", 'loss,lr,params["layer1.size"]'),
        ("plot", "loss", "--against", 'params["数据"]', "--group-by", "command,name"),
        ("artifacts", "run-0"),
        ("doctor",),
    ):
        answer = ask(*command, width=width)
        lines = (answer.out.decode() + answer.err).splitlines()
        assert lines
        # an address or a command to copy is not cut
        lines = [line for line in lines if "://" not in line and not (command[0] == "show" and LONG in line)]
        assert [line for line in lines if width_of(re.sub(r"\x1b\[[0-9;]*m", "", line)) > width] == [], command


def test_one_run_and_none_are_tables_too(factory: Factory) -> None:
    """One run has a table of one line, with its heading."""
    assert ask("list", width=80).out == b""
    factory.make("a-run")
    assert len(ask("list", width=80).out.splitlines()) == 3
    assert len(ask("tree", width=80).out.splitlines()) == 3


def test_numbers_of_a_column_align_at_the_point(many: Factory) -> None:
    """In a list, the points of a metric stand below each other, and different values look different."""
    del many
    heading, _, *rows = ask("list", "-n", "0", "--columns", "name,loss", width=120).out.decode().splitlines()
    texts = [row[heading.index("loss") - 10 :].strip() for row in rows]
    assert len(set(texts)) == len(rows) == 28
    assert len({row.rindex(".") for row in rows}) == 1


def test_sizes_come_first(many: Factory) -> None:
    """`gitxp du` has its sizes at the left, where a long name moves nothing."""
    del many
    heading, _, *rows = ask("du", "-n", "3", width=80).out.decode().partition("\n\n")[0].splitlines()
    assert heading.split() == ["own", "run"]
    ends = {re.match(r" *[\d.]+ \w+", row).end() for row in rows if row}  # type: ignore[union-attr]
    assert ends == {heading.index("own") + 3}


def test_a_long_name_leaves_room_for_what_changed(many: Factory) -> None:
    """In a tree, one long name does not take the columns in which changes are told."""
    del many
    heading, *_ = ask("tree", "-n", "0", width=120).out.decode().splitlines()
    assert heading.index("status") <= 120 // 3 + 4


def test_names_with_numbers_are_sorted_by_them(many: Factory) -> None:
    """On a run's page layer2 comes before layer10, and so it does where runs are compared."""
    del many
    for command in (
        ("show", "run-0"),
        ("compare", "run-0", "run-1", "--all"),
        ("why", "run-0", "run-1"),
        ("diff", "run-0", "run-1", "--params"),
    ):
        out = ask(*command).out.decode()
        assert re.findall(r"^ *layer(\d+)\.size", out, re.MULTILINE) == [str(number) for number in range(40)], command


def luminance(red: int, green: int, blue: int) -> float:
    """WCAG 2.1's relative luminance: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    parts = [c / 255 for c in (red, green, blue)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def color_of(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a colour of xterm's 256, from the cube or the greys."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    levels = (0, 95, 135, 175, 215, 255)
    return levels[(number - 16) // 36], levels[(number - 16) // 6 % 6], levels[(number - 16) % 6]


@pytest.mark.parametrize("ink", [ink for ink in _INKS if ink != "heading"])
def test_inks_show_on_white_and_on_black(ink: str) -> None:
    """Every ink of a terminal of 256 colours has a contrast of at least 3.8 to white and to black."""
    own = luminance(*color_of(int(_INKS_OF_256[ink].removeprefix("38;5;"))))
    assert 1.05 / (own + 0.05) >= 3.8
    assert (own + 0.05) / 0.05 >= 3.8


def test_inks_are_as_many_as_the_terminal_has(many: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 colours where TERM tells of them, eight otherwise, none with NO_COLOR or into a pipe."""
    del many
    monkeypatch.setenv("TERM", "xterm-256color")
    assert b"\x1b[38;5;28m" in ask("list", width=80).out
    assert b"\x1b[" not in ask("list").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b[" not in ask("list", width=80).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    out = ask("list", width=80).out
    assert b"\x1b[32m" in out
    assert b"38;5" not in out
    assert Style(color=False, many=True).paint("x", "good") == "x"


class Screen(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return True


class Later:
    """A timer that rings when the test says so."""

    made: list[Later] = []  # noqa: RUF012

    def __init__(self, seconds: float, ring: object) -> None:
        self.seconds, self.ring, self.daemon = seconds, ring, False
        self.is_over = False
        Later.made.append(self)

    def start(self) -> None:
        """Begin to wait."""

    def cancel(self) -> None:
        """Ring no more."""
        self.is_over = True


def test_what_takes_long_is_told_though_nothing_new_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shown at first; once the silence was long enough, what was told last is, and at the end nothing.

    What is told soon after is shown a little later, what is told later at once.
    """
    screen, now = Screen(), 100.0
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now)
    monkeypatch.setattr(progress_line.threading, "Timer", Later)
    Later.made.clear()
    with show_progress() as tell:
        assert Later.made == []
        tell("one")
        tell("two\x1b[31m")
        assert screen.getvalue() == ""
        (first,) = Later.made
        now += first.seconds
        first.ring()  # type: ignore[operator]
        assert screen.getvalue() == "\r\x1b[Ktwo\\x1b[31m …"
        tell("three, too soon")
        tell("four, too soon")
        assert screen.getvalue().endswith("two\\x1b[31m …")
        (_, second) = Later.made
        assert second.seconds < first.seconds
        now += second.seconds
        second.ring()  # type: ignore[operator]
        assert screen.getvalue().endswith("\r\x1b[Kfour, too soon …")
        now += 60
        tell("five")
        assert screen.getvalue().endswith("\r\x1b[Kfive …")
        now += 0.01
        tell("six, too soon")
    assert screen.getvalue().endswith("five …\r\x1b[K")
    assert Later.made[-1].is_over


def test_quick_work_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends within the silence writes nothing to a terminal; into a file nothing is ever written."""
    for stream in (Screen(), io.StringIO()):
        monkeypatch.setattr("sys.stderr", stream)
        with show_progress() as tell:
            tell("something")
            tell("")
        assert stream.getvalue() == ""
