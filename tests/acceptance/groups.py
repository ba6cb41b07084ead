"""The groups of checks, in the order in which they are tried."""

from __future__ import annotations

from tests.acceptance import crashes, drift, gpu, push, security, startup
from tests.acceptance.rows import Check

GROUPS: tuple[tuple[Check, ...], ...] = (
    push.CHECKS,
    drift.CHECKS,
    gpu.CHECKS,
    security.CHECKS,
    startup.CHECKS,
    crashes.CHECKS,
)
