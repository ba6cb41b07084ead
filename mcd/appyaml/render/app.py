"""AppSpec → objects in apply order. It calls the rest, and must not know how any object looks."""

from __future__ import annotations

from collections.abc import Iterable

from mcd.appyaml.render.alerts import alerts
from mcd.appyaml.render.config import account
from mcd.appyaml.render.egress import egress
from mcd.appyaml.render.files import config_map
from mcd.appyaml.render.metrics import pod_monitor
from mcd.appyaml.render.network import governing, network, service
from mcd.appyaml.render.scaling import scaler
from mcd.appyaml.render.scheduling import disruption_budget
from mcd.appyaml.render.storage import permdir_claim
from mcd.appyaml.render.workload import workload
from mcd.appyaml.spec.app import AppSpec
from mcd.objects import Object, in_apply_order


def render(spec: AppSpec) -> list[Object]:
    """Every object of the App."""
    objects = [account(spec), *alerts(spec), *egress(spec), *permdir_claim(spec)]
    for component in spec.components:
        objects += [workload(spec, component), *network(spec, component), *disruption_budget(spec, component)]
        objects += [*scaler(spec, component), *pod_monitor(spec, component)]
        objects += [*governing(spec, component), *config_map(spec, component)]
        if component.canary is not None:
            beside = component.canary.component
            objects += [workload(spec, beside), service(spec, beside)]
            if beside.files.config != component.files.config:
                objects += config_map(spec, beside)
    return in_apply_order(objects)


def twice(objects: Iterable[Object]) -> list[Object]:
    """Those whose place an earlier one of the list has taken: applied, one would overwrite the other."""
    seen: set[tuple[str, str, str]] = set()
    found = []
    for obj in objects:
        meta = obj["metadata"]
        ref = (obj["kind"], meta.get("namespace", ""), meta["name"])
        if ref in seen:
            found.append(obj)
        seen.add(ref)
    return found
