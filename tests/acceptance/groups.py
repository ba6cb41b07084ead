"""The groups of checks, in the order in which they are tried."""

from __future__ import annotations

from tests.acceptance import (
    bad_files,
    bad_machine,
    bad_places,
    bad_requests,
    crashes,
    drift,
    first,
    gpu,
    keeps,
    medicine,
    medicine_rights,
    mutations,
    page,
    processes,
    push,
    scale,
    security,
    served,
    startup,
    traps,
)
from tests.acceptance.rows import Check

GROUPS: tuple[tuple[Check, ...], ...] = (
    first.CHECKS,
    push.CHECKS,
    page.CHECKS,
    drift.CHECKS,
    gpu.CHECKS,
    keeps.CHECKS,
    scale.CHECKS,
    served.CHECKS,
    security.CHECKS,
    startup.CHECKS,
    bad_files.CHECKS,
    traps.CHECKS,
    bad_requests.CHECKS,
    bad_places.CHECKS,
    bad_machine.CHECKS,
    crashes.CHECKS,
    processes.CHECKS,
    medicine_rights.CHECKS,
    medicine.CHECKS,
    mutations.CHECKS,
    first.COLD,
)
