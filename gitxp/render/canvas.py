"""A grid of characters to draw on, each of 2 x 4 dots: the braille patterns of Unicode (U+2800 and on).

Where the terminal's encoding has none of them, a character is one dot, and a dot an asterisk.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Bits of the pattern by column and row of the dot: The Unicode Standard, "Braille Patterns".
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800


class Canvas:
    """`columns` x `rows` characters; dots count from the lower left corner. What is drawn last has the ink."""

    def __init__(self, columns: int, rows: int, *, ascii_only: bool = False) -> None:
        self.columns, self.rows = columns, rows
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self._ascii_only = ascii_only
        self.width, self.height = columns * self._across, rows * self._down
        self._bits = [0] * (columns * rows)
        self._inks = [""] * (columns * rows)
        self._marks: dict[int, str] = {}

    def dot(self, x: int, y: int, ink: str) -> None:
        """One dot; outside of the canvas nothing."""
        if 0 <= x < self.width and 0 <= y < self.height:
            row, down = divmod(self.height - 1 - y, self._down)
            column, across = divmod(x, self._across)
            at = row * self.columns + column
            self._bits[at] |= _BITS[across][down]
            self._inks[at] = ink

    def line(self, start: tuple[int, int], end: tuple[int, int], ink: str) -> list[tuple[int, int]]:
        """The dots from one to another, both ends included: which they are."""
        (x, y), (to_x, to_y) = start, end
        steps = max(abs(to_x - x), abs(to_y - y))
        dots = [
            (x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps)) for step in range(1, steps + 1)
        ]
        for dot in [start, *dots]:
            self.dot(*dot, ink)
        return [start, *dots]

    def shade(self, x: int, low: int, high: int, ink: str) -> None:
        """Every fourth dot from one height to another, so that a line through it is still seen."""
        for y in range(low, high + 1):
            if (x + 2 * y) % 4 == 0:
                self.dot(x, y, ink)

    def mark(self, x: int, y: int, character: str, ink: str) -> None:
        """A character of one column in the place of a dot and its neighbors."""
        if 0 <= x < self.width and 0 <= y < self.height:
            at = (self.height - 1 - y) // self._down * self.columns + x // self._across
            self._marks[at] = character
            self._inks[at] = ink

    def cells(self) -> Iterator[list[tuple[str, str]]]:
        """From the top, each line as pairs of characters that follow each other and the ink that they share."""
        for row in range(self.rows):
            runs: list[tuple[str, str]] = []
            for at in range(row * self.columns, (row + 1) * self.columns):
                bits, ink = self._bits[at], self._inks[at]
                character = self._marks.get(at) or (self._character(bits) if bits else " ")
                if runs and (runs[-1][1] == ink or character == " "):
                    runs[-1] = (runs[-1][0] + character, runs[-1][1])
                else:
                    runs.append((character, ink))
            if runs:
                runs[-1] = (runs[-1][0].rstrip(), runs[-1][1])
            yield runs

    def _character(self, bits: int) -> str:
        return "*" if self._ascii_only else chr(_BLANK + bits)
