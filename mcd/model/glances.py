"""Apps as lists show them: all of them in a few words, and those of one page as a line each.

Values only; `mcd.store.reads.glances` finds them. It must not know how they are laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mcd.model.nouns import Reconciled
from mcd.model.states import AppState


class Glance(NamedTuple):
    """An App in a list of all. `rollout` is the id of its live Rollout, which orders them by age; empty: none."""

    name: str
    product_line: str
    cluster: str
    state: AppState
    rollout: str
    put_back: bool = False
    """MCD put it back: a newer Release failed, and what runs is the one before."""


@dataclass(frozen=True, slots=True)
class AppLine:
    """An App as a line of a list: what its live Rollout runs, since when, and how far it came. `live` is None for one
    that has none; the other fields about it are then empty."""

    name: str
    product_line: str
    cluster: str
    cluster_state: Reconciled
    cluster_seen_at: datetime | None
    deleting: bool
    live: Reconciled | None
    rollout: int
    release: int
    commit: str
    title: str
    created_at: datetime | None
    created_by: str
    put_back: bool = False
    """As in `Glance`."""
