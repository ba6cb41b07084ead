"""Values of the chart that matter, one set for each thing that can be switched, and sets of many at once.

Data only; nothing is judged here.
"""

from __future__ import annotations

from typing import Any

TOGGLES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "url": {"database": {"url": "postgresql://mcd:p%40ss@db.example.com:5432/mcd"}},
    "own-secrets": {
        "database": {"existingSecret": {"name": "pg", "key": "uri"}},
        "secretKeys": {"existingSecret": "ring", "key": "ring.json"},
    },
    "digest": {"image": {"repository": "r.example.com:5000/team/mcd", "digest": "sha256:" + "a" * 64}},
    "private-registry": {"imagePullSecrets": [{"name": "pull"}]},
    "elsewhere": {"ownCluster": {"enabled": False}},
    "own-claim": {"persistence": {"existingClaim": "data"}},
    "one-node": {"persistence": {"accessMode": "ReadWriteOnce", "storageClass": "fast"}},
    "one-each": {"api": {"replicas": 1}, "controllers": {"replicas": 1}},
    "stopped-controllers": {"controllers": {"replicas": 0}},
    "stopped": {"api": {"replicas": 0}, "controllers": {"replicas": 0}},
    "autoscaled": {"api": {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9}}},
    "load-balancer": {"api": {"service": {"type": "LoadBalancer", "port": 443, "annotations": {"a/b": "c"}}}},
    "no-budget": {
        "api": {"podDisruptionBudget": {"enabled": False}},
        "controllers": {"podDisruptionBudget": {"enabled": False}},
    },
    "no-migration": {"migrate": {"enabled": False}},
    "no-rights": {"rbac": {"create": False, "lineRoles": False}},
    "line-roles-alone": {"rbac": {"create": False}},
    "second-mcd": {"rbac": {"lineRoles": False}, "fullnameOverride": "mcd-two"},
    "given-accounts": {
        "api": {"serviceAccount": {"create": False, "name": "a"}},
        "controllers": {"serviceAccount": {"create": False}},
    },
    "route": {
        "publicURL": "https://mcd.example.com",
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "mcd", "namespace": "mcd-gateway"}],
            "hostnames": ["mcd.example.com"],
            "timeouts": {"request": "0s"},
        },
    },
    "ingress": {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["mcd.example.com"],
            "tls": [{"secretName": "tls", "hosts": ["mcd.example.com"]}],
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "0"},
        }
    },
    "no-policy": {"networkPolicy": {"enabled": False}},
    "closed": {
        "networkPolicy": {
            "apiFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
        }
    },
    "watched": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
    "no-test": {"test": {"enabled": False}},
    "placed": {
        part: {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "infra", "operator": "Exists"}],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "infra", "operator": "Exists"}]}]
                    }
                }
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "own"}},
                }
            ],
            "priorityClassName": "system-cluster-critical",
            "podAnnotations": {"example.com/note": "yes"},
            "podLabels": {"team": "platform"},
        }
        for part in ("api", "controllers")
    },
    "extras": {
        "commonLabels": {"team": "platform"},
        "settings": {"MCD_REGISTRY": "registry.example.com", "MCD_LOG_LEVEL": "debug"},
        **{
            part: {
                "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
                "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
                "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/own", "readOnly": True}],
            }
            for part in ("api", "controllers")
        },
    },
    "other-user": {"podSecurityContext": {"runAsUser": 20000, "runAsGroup": 20000, "fsGroup": 20000}},
}
"""Name → values."""


def merged(*names: str) -> dict[str, Any]:
    """Several at once; later ones win."""
    whole: dict[str, Any] = {}
    for name in names:
        whole = _over(whole, TOGGLES[name])
    return whole


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


TOGGLES["everything"] = merged(
    "url", "digest", "private-registry", "autoscaled", "route", "ingress", "closed", "watched", "placed", "extras",
    "other-user",
)  # fmt: skip
TOGGLES["nothing"] = merged(
    "elsewhere", "own-claim", "no-budget", "no-migration", "no-rights", "no-policy", "no-test", "given-accounts",
    "stopped-controllers",
)  # fmt: skip
TOGGLES["url-one-node"] = merged("url", "one-node", "one-each")
TOGGLES["placed-on-one-node"] = merged("placed", "one-node")
