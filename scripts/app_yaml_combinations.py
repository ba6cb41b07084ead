"""The rows of app-yaml 3.22: what cannot stand together, as the specification says it.

A list of what is promised, and of nothing else: which case proves a row is looked up. It must not hold a case's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.appyaml.evidence import steps_of


@dataclass(frozen=True)
class Combination:
    """One row. `path` fits the field of the problem (`*`: any name), `said` is its whole message as an expression, with
    the real names and numbers left open; `shown` is what the page prints."""

    path: str
    code: str
    shown: str
    said: str

    @property
    def example(self) -> str:
        return self.path.replace("*", "NAME")

    def fits(self, field: str) -> bool:
        wanted = self.path.replace("[N]", ".[N]").split(".")
        steps = steps_of(field)
        return len(steps) == len(wanted) and all(a in ("*", b) for a, b in zip(wanted, steps, strict=True))


def _row(path: str, said: str, code: str = "combination") -> Combination:
    """`<…>` stands for a real name or number."""
    expression = "".join(".+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[^>]*>)", said))
    return Combination(path, code, said, expression)


COMBINATIONS = (
    _row(
        "components.*.replicas",
        "replicas and autoscale exclude each other. Keep autoscale and put the number into autoscale.min.",
        "exclusive",
    ),
    _row("components.*.autoscale.min", "<5> is more than max <3>. Lower min or raise max."),
    _row("components.*.autoscale.min", "a <web> with 0 replicas answers nobody. Use 1 or more."),
    _row("components.*.autoscale.min", "0 needs a queue or promql to wake it up. Add one, or use 1."),
    _row("components.*.autoscale.rps", "requests are counted for a web only. Use cpu, memory, queue or promql."),
    _row("components.*.autoscale.p95", "requests are counted for a web only. Use cpu, memory, queue or promql."),
    _row(
        "components.*.autoscale.queue.infra",
        "infra.<db> is a <mysql>, which has no queue. Use rabbitmq, kafka or redis.",
    ),
    _row("components.*.rollout.strategy", "only a web can split traffic. Use rolling."),
    _row(
        "components.*.rollout.strategy",
        "canary runs two versions at once, but permdir.single_writer allows one pod. Use recreate.",
    ),
    _row(
        "components.*.rollout.strategy",
        "rolling runs two pods at once, but permdir.single_writer allows one pod. Use recreate.",
    ),
    _row("components.*.rollout.strategy", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.rollout.max_surge", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.rollout.max_unavailable", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.rollout.timeout", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.rollout.canary", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.rollout", "stateful pods are replaced one by one. Remove it.", "exclusive"),
    _row("components.*.replicas", "<2> pods would write to permdir, but permdir.single_writer allows one. Use 1."),
    _row("components.*.autoscale.max", "<2> pods would write to permdir, but permdir.single_writer allows one. Use 1."),
    _row(
        "permdir.single_writer",
        "<3> components mount permdir (<api, clean, web>), but single_writer allows one. Write permdir: false in the "
        "others.",
    ),
    _row(
        "components.*.rollout.max_unavailable",
        "max_surge and max_unavailable are both 0, so nothing could ever move. Raise one.",
    ),
    _row("components.*.rollout.canary.steps[N].weight", "<5> does not rise after <30>. Weights must rise."),
    _row("components.*.sidecars.*.port", "<8080> is taken by <components.web.port>. Every port of a pod is used once."),
    _row("components.*.ports.*", "<8080> is taken by <components.web.port>. Every port of a pod is used once."),
    _row("components.*.sidecars.*.ports.*", "<9000> is taken by <a port>. Every port of a pod is used once."),
    _row(
        "components.*.sidecars.*.port",
        "<9100> is taken by components.<web>.metrics.port. Every port of a pod is used once.",
    ),
    _row("components.*.port", "4180 is taken by <components.web.oauth>. Every port of a pod is used once."),
    _row(
        "components.*.health",
        "a <cron> has no health: it runs to its end. Remove it; timeout stops a run that hangs.",
        "schema.not_for_type",
    ),
    _row("components.*.health", "a daemon has no port. Write {http: /p, port: 8081}."),
    _row(
        "components.*.limits.memory",
        "<256Mi> is less than resources.memory <512Mi>. Raise the limit or lower the request.",
    ),
    _row("components.*.limits.cpu", "<1> is less than resources.cpu <2>. Raise the limit or lower the request."),
    _row("components.*.limits.disk", "<1Gi> is less than resources.disk <2Gi>. Raise the limit or lower the request."),
    _row(
        "components.*.resources.shm",
        "<8Gi> does not fit into memory <8Gi>: /dev/shm is part of it. Use less than memory.",
    ),
    _row("components.*.resources.gpu.mig", "a MIG slice fixes model and memory. Remove model and memory."),
    _row("components.*.idle_gpu", "there is no gpu to be idle. Remove idle_gpu.", "exclusive"),
    _row("components.*.idle_gpu.action", "stop would take a <service> down. Use notify."),
    _row("components.*.sidecars.*.entry", "sidecars.<a> is the entry already. One sidecar can be."),
    _row("components.*.user", 'user 0 is root, and product line "<city>" is restricted. Use another uid.'),
    _row("infra.*", "<REDIS_HOST> also comes from <infra.redis>. Set env_prefix on one of them.", "env.collision"),
    _row("app_dep.*", "<NAME> also comes from <app_dep.other>. Set as on one of them.", "env.collision"),
    _row("env.PORT", "PORT comes from <components.web.port>. Remove it.", "env.reserved"),
    _row("env.PERMDIR", "PERMDIR comes from permdir.path. Remove it.", "env.reserved"),
    _row("env.*", "<A> uses <B>, which uses <A>. Break the circle.", "env.cycle"),
    _row("env.*.from", 'there is no infra "<mysq>". Did you mean "<mysql>"?', "ref.unknown"),
    _row("env.*.from", 'infra.<mysql> has no "<uri>". Did you mean "<url>"?', "ref.unknown"),
    _row("app_dep.*", "an App cannot depend on itself. Remove it.", "ref.unknown"),
    _row("files.*", "lies inside <permdir /data/permdir>. Choose another path.", "path.overlap"),
    _row("components.*.scratch.*", "lies inside <permdir /data/permdir>. Choose another path.", "path.overlap"),
    _row("components.*.stateful.path", "lies inside <permdir /data/permdir>. Choose another path.", "path.overlap"),
    _row("components.*.domains[N]", "<face.example.com/> is listed twice. Remove one.", "exclusive"),
    _row("components.*.domains[N].tls", "a wildcard certificate cannot be made automatically. Name a secret."),
    _row(
        "components.*.node_pool",
        'there is no pool "<gpu-t5>" for product line "<city>". Did you mean "<gpu-t4>"?',
        "ref.unknown",
    ),
    _row("components.*.resources.gpu", 'no pool of product line "<city>" fits. <general: no GPUs.>', "capacity.gpu"),
    _row(
        "components.*",
        'pool "<edge>" is <arm64>, the image is <linux/amd64>. Add <linux/arm64> to build.platforms.',
        "capacity.node",
    ),
    _row(
        "components.*.resources.cpu",
        '<64> is more than a node of pool "<general>" has (<32>). Use less, or another pool.',
        "capacity.node",
    ),
    _row(
        "components.*.resources.memory",
        '<1Ti> is more than a node of pool "<general>" has (<128Gi>). Use less, or another pool.',
        "capacity.node",
    ),
    _row("components.*", '<face-gateway-web> already belongs to App "<face>". Rename the component.', "name.taken"),
)
