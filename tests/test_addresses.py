"""Addresses of repositories, compared as words."""

from __future__ import annotations

import pytest

from gitxp.git.addresses import is_address, is_one_place, key_of_address, key_of_name


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("https://github.com/team/project.git", "git@github.com:team/project.git", True),
        ("https://github.com/team/project", "ssh://git@github.com:22/team/project.git/", True),
        ("https://github.com/Team/Project", "gh:team/project", True),
        ("file:///srv/project.git", "/srv/project.git", True),
        ("/srv/../srv/project", "/srv/project.git", True),
        ("https://github.com/team/project.git", "git@github.com:me/project.git", False),
        ("/srv/project.git", "/srv/fork.git", False),
        ("server:project.git", "server:projects.git", False),
    ],
)
def test_one_place(a: str, b: str, *, same: bool) -> None:
    """Two ways to one repository are one place, and the fork of somebody else is another."""
    assert is_one_place(a, b) is same
    assert is_one_place(b, a) is same


def test_keys() -> None:
    """No two names, and no name and an address, are called alike among refs."""
    names = ["origin", "a/b", "a%2Fb", "a%252Fb", "a.b"]
    keys = [*map(key_of_name, names), *map(key_of_address, names)]
    assert len(set(keys)) == len(keys)
    assert not any("/" in key for key in keys)


@pytest.mark.parametrize(("text", "is_one"), [("a/b", True), ("host:x", True), ("run-1", False), ("-u/x", False)])
def test_words(text: str, *, is_one: bool) -> None:
    """Slashes and colons make an address; what looks like an option is none."""
    assert is_address(text) is is_one
