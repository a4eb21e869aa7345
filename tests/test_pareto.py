from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gitxp.query.pareto import find_front

coordinates = st.one_of(st.integers(0, 3), st.sampled_from([0.5, -0.0, math.inf, -math.inf, 2**63, 1e300]))


def points(size: int) -> st.SearchStrategy[list[tuple[float, ...]]]:
    """Points of one size, many of them equal in some coordinates."""
    return st.lists(st.tuples(*[coordinates] * size), max_size=40)


def beats(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    """Whether a point is another one, and as good in each coordinate."""
    return one != two and all(a <= b for a, b in zip(one, two, strict=True))


@given(st.integers(1, 5).flatmap(points))
def test_the_front_is_what_none_beats(every: list[tuple[float, ...]]) -> None:
    """In one to five coordinates, with ties and infinities, the front is that of comparing each pair."""
    assert find_front(every) == {one for one in every if not any(beats(other, one) for other in every)}


def test_a_front_of_all_points() -> None:
    """Where no point beats another, all are kept, in four coordinates as well."""
    line = [(i, -i, i % 7, 1.0) for i in range(2000)]
    assert find_front(line) == set(line)
    assert find_front([]) == set()
