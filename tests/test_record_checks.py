from __future__ import annotations

import itertools
import json
import math

import pytest

from gitxp.errors import FormatError
from gitxp.format import MAX_DIGITS, command_line, decode_json
from gitxp.store import checks

ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    (1 << 63) - 1,
    1 << 63,
    -(1 << 63),
    -(1 << 63) - 1,
    10**300,
    0.5,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "nan",
    "inf",
    "x",
    [],
    [1.0],
    [math.nan],
    {},
    {"a": 1},
    json.loads("[" * 70 + "]" * 70),
]
USUAL = {"count": 3, "last": 0.5, "max": 1.5, "min": -0.5, "step": 7}


@pytest.mark.parametrize(
    ("key", "slowly"), [("params", checks._parameter), ("param_sources", checks._text), ("metrics", checks._summary)]
)
def test_a_look_at_all_values_finds_what_a_check_of_each_finds(key: str, slowly: checks.Check) -> None:
    """What is wrong with an object of usual and of odd values is the same, whether they are looked at all at once or not."""
    usual = {"params": [0.5, "x", 3, True], "param_sources": ["argv", "api"], "metrics": [USUAL, {**USUAL, "step": 0}]}
    odd = list(ODD)
    if key == "metrics":
        odd += [{**USUAL, name: value} for name, value in itertools.product(USUAL, ODD)]
        odd += [{name: USUAL[name] for name in USUAL if name != left_out} for left_out in USUAL]
        odd += [{**USUAL, "more": value} for value in ODD]
        odd += [dict(reversed(USUAL.items())), {"last": 1}, {"min": 1.0}]
    check = checks._object_of(slowly)
    for value in odd:
        for values in ([value], [*usual[key], value], [value, *usual[key]]):
            found = {str(number): one for number, one in enumerate(values)}
            wrong = check(found)
            assert checks.find_problem({key: found}) == (wrong and f"'{key}' is {wrong}"), found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["%s", "-%s", '{"a": [1, %s]}', '{"a": 0.5, "b": [-%s, 2]}'])
def test_a_whole_number_has_a_limit_in_every_encoding(text: str, encoding: str) -> None:
    """As many digits as a float can have are read; one more is refused by its length, whatever digits they are."""
    for digits in ("9", "123456789", "10"):
        fits = (digits * MAX_DIGITS)[:MAX_DIGITS]
        assert decode_json((text % fits).encode(encoding)) == json.loads(text % fits)
        with pytest.raises(FormatError, match="whole number of 309 digits, and 308 are the most"):
            decode_json((text % (fits + "7")).encode(encoding))


def test_long_digits_that_are_no_whole_number_are_read() -> None:
    """A float or a text of many digits is none of those that are too long."""
    long = "0." + "123456789" * 100
    assert decode_json(f'["{"9" * 5000}", {long}, 1e-5]'.encode()) == ["9" * 5000, float(long), 1e-5]


def test_what_cannot_be_printed_is_escaped_in_a_command() -> None:
    """A command of printable characters is as it is; of any other, what cannot be seen can be read."""
    assert command_line(["python", "train.py", "--name", "é ü"]) == "python train.py --name 'é ü'"
    assert command_line(["a\x1bb", "\udcff"]) == r"'a\x1bb' '\udcff'"
