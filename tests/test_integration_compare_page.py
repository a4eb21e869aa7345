"""docs/howto/compare.md: what it shows of `gitxp why --metric`, which takes scikit-learn, is what that prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from test_docs import docs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
PAGE = "docs/howto/compare.md"


def test_what_the_page_shows_of_why(tmp_path: Path) -> None:
    """The command of the page, after all that comes before it, prints what the page says."""
    pytest.importorskip("sklearn")
    found = re.search(r"```text\n\$ (gitxp why .*)\n((?s:.*?))```", docs.read(PAGE))
    assert found is not None
    scratch = docs.Scratch(tmp_path / "scratch")
    docs.run_page(PAGE, scratch)
    assert docs.same(found[2], scratch.sh(found[1]))
