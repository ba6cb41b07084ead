"""What people read: every question, as a function of (actor, tx, …) that answers only what the person may see.

What may not be seen is answered as what is not there. Nothing here writes.
"""

from __future__ import annotations

from mcd.store.pages import FIRST, Page, Part
from mcd.store.reads.apps import (
    AppListed,
    AppSeen,
    app,
    app_listed,
    app_seen,
    apps,
    inventory,
    live_rollout,
    settings,
    settings_history,
)
from mcd.store.reads.clusters import cluster, clusters, node_pool, node_pools
from mcd.store.reads.facts import Callers, callers, facts_around, facts_of
from mcd.store.reads.fates import fates
from mcd.store.reads.glances import app_lines, glances
from mcd.store.reads.happened import events, newest_sequence
from mcd.store.reads.lines import product_line, product_lines
from mcd.store.reads.people import Member, members, people, person, tokens
from mcd.store.reads.runs import (
    LogPart,
    RolloutSeen,
    release,
    release_by_commit,
    release_log,
    release_problems,
    releases,
    releases_numbered,
    rollout,
    rollout_numbered,
    rollout_seen,
    rollouts,
)
from mcd.store.reads.secret_names import SecretNamed, secret_names

__all__ = [
    "FIRST",
    "AppListed",
    "AppSeen",
    "Callers",
    "LogPart",
    "Member",
    "Page",
    "Part",
    "RolloutSeen",
    "SecretNamed",
    "app",
    "app_lines",
    "app_listed",
    "app_seen",
    "apps",
    "callers",
    "cluster",
    "clusters",
    "events",
    "facts_around",
    "facts_of",
    "fates",
    "glances",
    "inventory",
    "live_rollout",
    "members",
    "newest_sequence",
    "node_pool",
    "node_pools",
    "people",
    "person",
    "product_line",
    "product_lines",
    "release",
    "release_by_commit",
    "release_log",
    "release_problems",
    "releases",
    "releases_numbered",
    "rollout",
    "rollout_numbered",
    "rollout_seen",
    "rollouts",
    "secret_names",
    "settings",
    "settings_history",
    "tokens",
]
