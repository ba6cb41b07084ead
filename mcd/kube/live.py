"""What is live now in one cluster: read from the watch caches, or from the API server where there is no cache yet.

It reads and never decides. A reader that cannot see everything says so (KubeError), because half a view deletes things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason
from mcd.kube.echoes import Echoes
from mcd.kube.kinds import KINDS
from mcd.kube.secret import KIND as SECRET
from mcd.kube.watch import Caches
from mcd.objects import INSTANCE, Object, Ref, ref_of

IN_FLIGHT = 8

_NOT_OURS_TO_SEE = frozenset({KubeReason.FORBIDDEN, KubeReason.NOT_SERVED})


@dataclass(frozen=True, slots=True)
class LiveObjects:
    """The view of one cluster that a pass works on."""

    cluster: Cluster
    caches: Caches | None = None
    echoes: Echoes | None = None
    """Where what is written is remembered, when somebody watches."""

    def wrote(self, answers: Mapping[Ref, Object]) -> None:
        """What the API server answered to writes, so that nobody is woken by hearing of them again."""
        if self.echoes is not None:
            self.echoes.wrote(answers.values())

    def hears(self, kinds: Iterable[Kind]) -> bool:
        """Whether a watch tells every change of these kinds, and another look without one would see the same."""
        return self.caches is not None and all(self.caches.synced(kind) for kind in kinds)

    async def get(self, refs: Iterable[Ref], *, fresh: Collection[Ref] = ()) -> Mapping[Ref, Object | None]:
        """The live object of each reference, None where there is none. With a synced cache no request is made, but for
        those of `fresh`: the API server is asked for them."""
        found: dict[Ref, Object | None] = {}
        unknown: list[Ref] = []
        for ref in refs:
            if self.caches is not None and ref.kind == SECRET.kind:
                self.caches.follow(SECRET, ref.namespace)
            cached = self.caches is not None and self.caches.synced(Kind(ref.api_version, ref.kind), ref.namespace)
            if self.caches is not None and cached and ref not in fresh:
                found[ref] = self.caches.get(ref)
            else:
                unknown.append(ref)
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def fetch(ref: Ref) -> None:
            async with slots:
                found[ref] = await self.cluster.get(ref)

        await asyncio.gather(*(fetch(ref) for ref in unknown))
        return found

    async def of_app(self, kind: Kind, namespace: str, app: str) -> tuple[Object, ...]:
        """All live objects of a kind that carry the App's label."""
        if self.caches is not None and self.caches.synced(kind):
            return tuple(self.caches.of_instance(kind, namespace, app))
        listing = await self.cluster.list(kind, namespace, {INSTANCE: app})
        return listing.objects

    async def of_kinds(self, kinds: Collection[Kind], namespace: str, app: str) -> Mapping[Ref, Object]:
        """All live objects of these kinds that carry the App's label. With synced caches no request is made. Of a kind
        that we may not list, or that is not there, we wrote none."""
        asked = [kind for kind in kinds if self.caches is None or not self.caches.synced(kind)]
        found = [obj for kind in kinds if kind not in asked for obj in await self.of_app(kind, namespace, app)]
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def listed(kind: Kind) -> None:
            known = self.caches.problem(kind) if self.caches is not None else None
            if known is not None and known.kube_reason in _NOT_OURS_TO_SEE:
                return
            async with slots:
                try:
                    found.extend(await self.of_app(kind, namespace, app))
                except KubeError as error:
                    if error.kube_reason not in _NOT_OURS_TO_SEE:
                        raise

        await asyncio.gather(*(listed(kind) for kind in asked))
        return {ref_of(obj): obj for obj in found}

    async def foreign(self, namespace: str, own: Collection[Ref]) -> list[Ref]:
        """What else lives in a namespace: objects that are not among `own`, not made by another object, and not put
        there by Kubernetes itself. Asked of the API server, because a delete hangs on the answer."""
        found: list[Ref] = []
        for kind, how in KINDS.items():
            if not how.namespaced or kind.kind in _MADE_BY_KUBERNETES:
                continue
            try:
                listing = await self.cluster.list(kind, namespace)
            except KubeError as error:
                if error.kube_reason is KubeReason.NOT_SERVED:
                    continue
                raise
            for obj in listing.objects:
                ref = Ref(kind.api_version, kind.kind, namespace, obj["metadata"]["name"])
                if ref in own or obj["metadata"].get("ownerReferences") or (ref.kind, ref.name) in _ALWAYS_THERE:
                    continue
                found.append(ref)
        return sorted(found)


_MADE_BY_KUBERNETES = frozenset({"Event", "EndpointSlice"})
_ALWAYS_THERE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
