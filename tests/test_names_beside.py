from __future__ import annotations

import pytest

from gitxp.names import MAX_LENGTH, is_name, name_beside, without_id

ONE, TWO = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b"
FAR = "02900000-0000-7000-8000-00000000000a"


def test_as_many_digits_as_tell_two_ids_apart() -> None:
    """Eight digits of the id, or more where the other's begins alike: two runs never come to one name."""
    assert name_beside("tuned", FAR, ONE) == "tuned-02900000"
    assert name_beside("tuned", ONE, FAR) == "tuned-01900000"
    assert name_beside("tuned", ONE, TWO) == "tuned-0190000000007000800000000000000a"
    assert name_beside("tuned", TWO, ONE) == "tuned-0190000000007000800000000000000b"


@pytest.mark.parametrize("id_", [ONE, "", "zz", "\x1b[2J", "\udc80", "A" * 100_000, "deadbeef"])
@pytest.mark.parametrize("name", ["a", "x" * MAX_LENGTH, "a.b.c", "a-01900000", "9"])
def test_every_id_gives_a_name(name: str, id_: str) -> None:
    """Ids come from strangers: any text as an id makes a legal name, another than before, and the same each time."""
    found = name_beside(name, id_, TWO)
    assert is_name(found)
    assert found != name
    assert found == name_beside(name, id_, TWO)
    if id_ and len(name) < 50:
        assert without_id(found, id_) == name


def test_what_is_no_beginning_of_the_id_belongs_to_the_name() -> None:
    """A name that merely ends like an id is left whole."""
    for name in ("tuned", "tuned-01900000", "tuned-0190", "-", "a-b-c"):
        assert without_id(name, FAR) == name
        assert without_id(name, "") == name
