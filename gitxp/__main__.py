"""`python -m gitxp`, the same as the command `gitxp`."""

from __future__ import annotations

import sys

from gitxp.cli import main

sys.exit(main())
