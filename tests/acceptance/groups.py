"""The groups of checks, in the order in which they are tried."""

from __future__ import annotations

from tests.acceptance import push
from tests.acceptance.rows import Check

GROUPS: tuple[tuple[Check, ...], ...] = (push.CHECKS,)
