"""How a run ended, as the recorder tells it to the front, and the front to whoever asked for the run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from gitxp.light import NamedTuple


class Ending(NamedTuple):
    """A run's end: by `signal`, or with `exit_code`, or with neither where nobody could see it.

    `status` and `commit` are those of the last commit; None where it could not be written, for the reason in `problem`.
    `duration` is in seconds. `notices` are sentences about what could not be recorded. `is_mid_line`: what the command
    wrote last to the terminal, or to stderr, was no whole line.
    """

    status: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    duration: float | None = None
    commit: str | None = None
    problem: str | None = None
    notices: tuple[str, ...] = ()
    is_mid_line: bool = False

    def lines(self) -> list[str]:
        """For the pipe between two processes of ours, a key and a coded value a line: JSON would cost an import."""
        facts: dict[str, object] = {key: value for key, value in self._asdict().items() if value is not None}
        notices = [f"notice {_encode(notice)}" for notice in self.notices]
        return [f"{key} {_encode(str(value))}" for key, value in facts.items() if key != "notices"] + notices

    @classmethod
    def parse(cls, lines: list[str]) -> Ending:
        """What `lines` gave."""
        pairs = [line.partition(" ")[::2] for line in lines]
        facts = {key: _decode(value) for key, value in pairs if key != "notice"}
        return cls(
            status=facts.get("status"),
            exit_code=int(facts["exit_code"]) if "exit_code" in facts else None,
            signal=int(facts["signal"]) if "signal" in facts else None,
            duration=float(facts["duration"]) if "duration" in facts else None,
            commit=facts.get("commit"),
            problem=facts.get("problem"),
            notices=tuple(_decode(value) for key, value in pairs if key == "notice"),
            is_mid_line=facts.get("is_mid_line") == "True",
        )


def _encode(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


def _decode(text: str) -> str:
    return bytes.fromhex(text).decode("utf-8", "surrogatepass")
