from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis.strategies import DataObject, data, from_regex, sampled_from

from gitxp.capture.secrets import plugins
from gitxp.capture.secrets.scan import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

# Put together here, so that no scanner takes this file for one that holds secrets.
AZURE = "AccountKey=" + "aB3+" * 10 + "xY7/" * 11 + "Q=99"
TELEGRAM = "123456789:" + "AAF1x_abcdefghijklmnopqrstuvwxyz012"


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Whether detect-secrets is there is looked up by each test."""
    plugins._plugins.cache_clear()
    yield
    plugins._plugins.cache_clear()


def test_without_detect_secrets_its_shapes_are_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, gitxp's own shapes are found as ever."""
    monkeypatch.setitem(sys.modules, "detect_secrets", None)
    monkeypatch.setitem(sys.modules, "detect_secrets.core.plugins.util", None)
    assert list(plugins.find_known(TELEGRAM)) == []
    assert list(scan(f"{TELEGRAM}\n".encode(), "a.txt")) == []
    assert len(list(scan(b"password=hunter2", "a.txt"))) == 1


def test_with_detect_secrets_its_shapes_are_found_as_well() -> None:
    """What only detect-secrets knows is found on its line, each occurrence, masked, and obeys the comments."""
    pytest.importorskip("detect_secrets", reason="the extra gitxp[secrets] is not installed")
    text = f"a\n{TELEGRAM}\nb = '{AZURE}'\n{TELEGRAM}  # gitxp: allow-secret\n{TELEGRAM}\n"
    findings = list(scan(text.encode(), "a.txt"))
    assert [(finding.line, finding.kind) for finding in findings] == [
        (2, "Telegram Bot Token"),
        (3, "Azure Storage Account access key"),
        (5, "Telegram Bot Token"),
    ]
    assert not any("AAF1x" in finding.excerpt or "aB3+" in finding.excerpt for finding in findings)


def test_what_detect_secrets_takes_for_one_too_easily_is_left() -> None:
    """Random strings, words beside names, public addresses, and examples of passwords are no findings."""
    pytest.importorskip("detect_secrets", reason="the extra gitxp[secrets] is not installed")
    text = (
        "sha = 'd41d8cd98f00b204e9800998ecf8427e'\nsecret = 'some words'\nhost = '8.8.8.8'\nhttps://user:pass@host/\n"
    )
    assert list(scan(text.encode(), "a.py")) == []


@given(data())
def test_a_plugin_is_passed_over_only_where_it_finds_nothing(data: DataObject) -> None:
    """Of texts made by each plugin's own expressions, none lacks the words without which that plugin is not asked."""
    pytest.importorskip("detect_secrets", reason="the extra gitxp[secrets] is not installed")
    known = {type(plugin).__name__: plugin for plugin in plugins._plugins()}
    assert known.keys() >= plugins._WORDS.keys()
    plugin = known[data.draw(sampled_from(sorted(plugins._WORDS)))]
    text = data.draw(from_regex(data.draw(sampled_from(list(plugin.denylist)))))
    assert plugins._may_find(plugin, text.casefold())
