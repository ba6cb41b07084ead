"""People's door: every wish, as a function of (actor, tx, now, …) that checks, writes, tells and wakes.

A wish bumps the generation of what it concerns and makes it due; nothing here leases, records or talks to a cluster.
"""

from __future__ import annotations

from mcd.store.intents.apps import change_app, create_app, delete_app
from mcd.store.intents.clusters import (
    change_cluster,
    create_cluster,
    delete_cluster,
    delete_node_pool,
    put_node_pool,
)
from mcd.store.intents.generated import rotate_generated
from mcd.store.intents.lines import (
    add_member,
    change_product_line,
    create_product_line,
    delete_product_line,
    remove_member,
)
from mcd.store.intents.releases import make_release, push, retry_release
from mcd.store.intents.repeats import idempotent, remember
from mcd.store.intents.rollouts import Requested, request_rollout
from mcd.store.intents.secret_values import set_secret, unset_secret
from mcd.store.intents.settings import change_settings
from mcd.store.intents.tokens import create_token, revoke_token
from mcd.store.intents.told import tell

__all__ = [
    "Requested",
    "add_member",
    "change_app",
    "change_cluster",
    "change_product_line",
    "change_settings",
    "create_app",
    "create_cluster",
    "create_product_line",
    "create_token",
    "delete_app",
    "delete_cluster",
    "delete_node_pool",
    "delete_product_line",
    "idempotent",
    "make_release",
    "push",
    "put_node_pool",
    "remember",
    "remove_member",
    "request_rollout",
    "retry_release",
    "revoke_token",
    "rotate_generated",
    "set_secret",
    "tell",
    "unset_secret",
]
