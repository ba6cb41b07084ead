"""Recognises a whole file of another system, of which forty single mistakes would say less than one line.

What merely borrows a key of one is translated instead (aliases.py). It must not translate anything.
"""

from __future__ import annotations

from mcd.appyaml.text.nodes import Items, Map, Node, Place, Scalar

_OF_COMPOSE = frozenset({"volumes", "networks", "configs", "secrets"})
_OF_ITS_SERVICES = frozenset(
    {
        "build", "container_name", "depends_on", "environment", "env_file", "expose", "networks", "privileged",
        "restart", "stdin_open", "tty", "volumes",
    }
)  # fmt: skip


def foreign(root: Map) -> tuple[str, Place, str, str] | None:
    """The key that gives it away and its place, what it is, what to do. None for a file of ours, whatever is wrong in
    it."""
    entries = root.entries
    if "appname" in entries or "components" in entries:
        return None
    if "apiVersion" in entries and "kind" in entries:
        hint = "Write appname: and components: instead; MCD makes the objects."
        return "kind", entries["kind"][0], "this looks like an object of Kubernetes.", hint
    if _is_compose(entries):
        hint = "Write appname: and components: instead, each service with a type; mcd init writes a first file."
        return "services", entries["services"][0], "this looks like a docker-compose file.", hint
    return None


def _is_compose(entries: dict[str, tuple[Place, Node]]) -> bool:
    """Services of which none says a type, as ours all do, and a sign of compose."""
    services = entries["services"][1] if "services" in entries else None
    if type(services) is not Map:
        return False
    found = [node for _, node in services.entries.values() if type(node) is Map]
    if not found or any("type" in node.entries for node in found):
        return False
    version = entries["version"][1] if "version" in entries else None
    if (type(version) is Scalar and version.text[:1] in ("2", "3")) or _OF_COMPOSE & entries.keys():
        return True
    return any(_OF_ITS_SERVICES & node.entries.keys() or _has_list_of_ports(node) for node in found)


def _has_list_of_ports(service: Map) -> bool:
    return "ports" in service.entries and type(service.entries["ports"][1]) is Items
