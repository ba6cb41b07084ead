"""The nouns as frozen values: the words of the URL, the table, the command and the page.

It must not know how any of them is stored, sent or shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mcd.model.access import Scope
from mcd.model.facts import Footprint
from mcd.model.outcomes import Condition, ConditionType, EventKind
from mcd.model.triggers import Trigger


class Noun(StrEnum):
    """The words of the URL, the table, the command and the metric."""

    CLUSTER = "cluster"
    NODE_POOL = "node-pool"
    PRODUCT_LINE = "product-line"
    APP = "app"
    RELEASE = "release"
    SETTINGS = "settings"
    ROLLOUT = "rollout"
    EVENT = "event"
    PERSON = "person"
    TOKEN = "token"


RECONCILED = (Noun.CLUSTER, Noun.PRODUCT_LINE, Noun.RELEASE, Noun.ROLLOUT)
"""The nouns with the columns of the loop, in the order in which a fresh install needs them."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The columns that every reconciled table has and a reader may see."""

    generation: int
    observed_generation: int
    conditions: tuple[Condition, ...]
    deleted_at: datetime | None

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this kind, whatever wish it speaks of. None before anybody wrote one."""
        return next((c for c in self.conditions if c.type is kind), None)

    def is_now(self, kind: ConditionType) -> bool:
        """Whether a condition holds for what is wished now. One that was seen of an older wish says nothing of this
        one: what stalled before may be mended by it, and what was Ready may not be so any more."""
        found = self.condition(kind)
        return found is not None and found.status and self.observed_generation == self.generation


@dataclass(frozen=True, slots=True)
class Serves:
    """What a cluster was seen to serve. `kinds` are `group/version/Kind` for every kind that the renderer may ask
    for."""

    kubernetes: str = ""
    kinds: frozenset[str] = frozenset()
    storage_classes: tuple[str, ...] = ()
    regex_headers: bool = True
    unseen: frozenset[str] = frozenset()
    """Those of `kinds` that the last answers left out. They count as served until that has lasted."""
    unseen_since: datetime | None = None
    unseen_reads: int = 0
    """How many answers in a row left them out, since when."""
    simulated: frozenset[str] = frozenset()
    """Nodes that say of themselves that they only play one: nothing runs in the pods on them. At most a hundred."""

    def has(self, api_version: str, kind: str) -> bool:
        return f"{api_version}/{kind}" in self.kinds


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kubernetes API. `facts` are what people told us about it: the keys of `cluster` in app-yaml 8.2."""

    id: str
    name: str
    idc: str
    facts: Mapping[str, Any]
    serves: Serves
    seen_at: datetime | None
    state: Reconciled


@dataclass(frozen=True, slots=True)
class Device:
    """Devices of a node pool, as app-yaml 8.2 has them. `memory` is text in Kubernetes' form, for one device."""

    vendor: str
    model: str
    product: str = ""
    memory: str = ""
    per_node: int = 0
    resource: str = ""
    mig: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes of one cluster under one label. `dedicated_to` names the only product line that may use it, or is None.
    `oversell` is kept and not used yet: how much more than the capacity Apps may ask for."""

    id: str
    name: str
    cluster: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...] = ()
    runtime_class: str = ""
    arch: str = "amd64"
    capacity: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    dedicated_to: str | None = None
    oversell: float = 1.0


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One namespace on one cluster. `wishes` holds what people ask for: quota, node_pool, node_pools, config, security,
    egress, timezone (the keys of `product_line` in app-yaml 8.2)."""

    id: str
    name: str
    cluster: str
    namespace: str
    wishes: Mapping[str, Any]
    state: Reconciled
    take_over: bool = False
    """What somebody else made in the namespace under our names is adopted, until the next change of the wishes."""


@dataclass(frozen=True, slots=True)
class App:
    """A name unique in the platform, in one product line, bound to one app.yaml. `repository` is a URL that a Forge
    knows; `mcd:` + the App's name for a repository that MCD itself holds."""

    id: str
    name: str
    product_line: str
    repository: str
    path: str
    branch: str
    created_at: datetime
    deleted_at: datetime | None
    generation: int = 1
    generated: Mapping[str, int] = field(default_factory=dict)
    """Variables whose value was made once for it → version of that value. Only work items have it; others are empty."""


@dataclass(frozen=True, slots=True)
class Release:
    """One commit of an App. Frozen once ready: `app_yaml` as read, `files`, `images` (component → reference pinned by
    digest)."""

    id: str
    app: str
    number: int
    commit: str
    branch: str
    tag: str
    author: str
    title: str
    app_yaml: str
    images: Mapping[str, str]
    deploys: bool
    """False: it only waits for somebody to deploy it."""
    created_at: datetime
    created_by: str
    state: Reconciled
    ignored: str = ""
    """Why the push that made it did not deploy it, as a sentence; empty: it is worked on. Asking for it ends that."""
    files: Mapping[str, bytes | None] | None = field(default_factory=dict)
    """The files of the repository that app.yaml names, by their path from its folder; None for one that is not there
    at the commit. A list of Releases has none of them. None altogether: only the text is known, and nobody can read
    files."""
    footprint: Footprint | None = None
    """What it has to do with other Apps; None while it was not compiled."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the platform owns for an App: one numbered revision. `values` has the keys of `settings` in app-yaml 8.2:
    components.X.replicas, env, secrets (names and versions, never values)."""

    app: str
    revision: int
    values: Mapping[str, Any]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """This App runs this Release with this Settings revision. `commits` says for each component the commit that changed
    it last (app-yaml 5.3); `digests` the digest of its pod template then."""

    id: str
    app: str
    number: int
    release: int
    settings: int
    trigger: Trigger
    take_over: bool
    restarts: Mapping[str, str]
    """Component → RFC 3339 time at which a person asked for a restart."""
    confirmed_prune: str
    """Digest of the list of deletes that a person confirmed, or empty."""
    commits: Mapping[str, str]
    digests: Mapping[str, str]
    live: bool
    created_at: datetime
    created_by: str
    state: Reconciled
    ready_at: datetime | None = None
    """When it was Ready first. None: never, so that nobody goes back to it unasked."""


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    admin: bool
    default_product_line: str | None
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A personal API token. The secret itself is shown once and never stored."""

    id: str
    person: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `sequence` orders Events, clocks do not."""

    sequence: int
    at: datetime
    noun: Noun
    name: str
    product_line: str | None
    app: str | None
    kind: EventKind
    actor: str
    message: str
    data: Mapping[str, Any]
