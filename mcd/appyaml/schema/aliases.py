"""Translates keys and forms of other systems into ours, with a warning each, so that a first file works.

Answers with a new tree that keeps every place. It must not check values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mcd.appyaml.schema.fields import refused_shape
from mcd.appyaml.text.nodes import Items, Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

TOP_KEYS = {
    "name": "appname",
    "services": "components",
    "processes": "components",
    "envs": "env",
    "variables": "env",
    "env_vars": "env",
}
ENTRY_KEYS = {alias: real for alias, real in TOP_KEYS.items() if real != "appname"}
COMPONENT_KEYS = {
    "envs": "env", "variables": "env", "env_vars": "env",
    "instances": "replicas", "instance_count": "replicas", "quantity": "replicas", "replicaCount": "replicas",
    "http_port": "port", "containerPort": "port",
    "nodePool": "node_pool", "nodeGroup": "node_pool", "node_group": "node_pool",
    "run": "command", "run_command": "command", "startCommand": "command", "start_command": "command", "cmd": "command",
    "healthCheck": "health", "healthcheck": "health", "health_check": "health",
    "autoscaling": "autoscale",
}  # fmt: skip
CRON_KEYS = {
    "cron": "schedule",
    "timeZone": "timezone",
    "time_zone": "timezone",
    "concurrencyPolicy": "concurrency",
    "suspended": "suspend",
}
BUILD_KEYS = {"dockerfile_path": "dockerfile", "source_dir": "context"}
AUTOSCALE_KEYS = {
    "minReplicas": "min",
    "min_instances": "min",
    "maxReplicas": "max",
    "max_instances": "max",
    "cpuThreshold": "cpu",
}
_MAPPINGS = {"env": "NAME: value", "components": "name: {…}"}
_HEALTH_ALIASES = frozenset({"healthCheck", "healthcheck", "health_check"})
_CRON_TYPES = frozenset({"cron", "cronjob", "scheduled"})


def translate(root: Map, report: Report) -> Map:
    """The file in our words. Nothing is copied when there is nothing to translate."""
    for word in _MAPPINGS:
        _tell_list(root, word, (), report)
    top = _rename(root, (), TOP_KEYS, report)
    entries = dict(top.entries)
    _change(entries, "env", lambda node, path, key: _env(node, path, key, report))
    _change(entries, "build", lambda node, path, _: _build(node, path, report))
    if "atp" in entries:
        _atp(entries, report)
    _change(entries, "components", lambda node, path, key: _components(node, path, key, report))
    if "environments" in entries:
        types = _types(entries)
        _change(entries, "environments", lambda node, path, _: _environments(node, path, types, report))
    return Map(entries, root.place, root.key)


def _types(entries: dict[str, tuple[Place, Node]]) -> dict[str, Node]:
    """What the components of the file say they are: one in an environment need not say it again."""
    written = entries.get("components")
    if written is None or type(written[1]) is not Map:
        return {}
    said = {name: node for name, (_, node) in written[1].entries.items() if type(node) is Map}
    return {name: node.entries["type"][1] for name, node in said.items() if "type" in node.entries}


def _environments(node: Node, path: Path, types: Mapping[str, Node], report: Report) -> Node:
    """Each entry as the top level is translated, as far as it may say the same."""
    if type(node) is not Map:
        return node
    entries = {}
    for name, (place, value) in node.entries.items():
        if type(value) is Map:
            here = (*path, name)
            for word in _MAPPINGS:
                _tell_list(value, word, here, report)
            value = _rename(value, here, ENTRY_KEYS, report)
            inside = dict(value.entries)
            if "env" in inside:
                at, env = inside["env"]
                inside["env"] = (at, _env(env, (*here, "env"), at, report))
            if "components" in inside:
                at, parts = inside["components"]
                inside["components"] = (at, _components(parts, (*here, "components"), at, report, types))
            value = Map(inside, value.place, value.key)
        entries[name] = (place, value)
    return Map(entries, node.place, node.key)


def _change(entries: dict[str, tuple[Place, Node]], word: str, change: Callable[[Node, Path, Place], Node]) -> None:
    if word in entries:
        place, node = entries[word]
        entries[word] = (place, change(node, (word,), place))


def _say(report: Report, place: Place, path: Path, alias: str, real: str) -> None:
    report.warn("alias", place, path, f'"{alias}" is called "{real}" here.')


def _tell_list(node: Map, word: str, path: Path, report: Report) -> None:
    """A list where a mapping belongs. Under an alias the name is told, and that is enough."""
    written = node.entries.get(word)
    if written is not None and type(written[1]) is Items:
        report.warn("alias", written[0], (*path, word), f"{word} is a mapping here: {_MAPPINGS[word]}.")


def _rename(node: Map, path: Path, table: Mapping[str, str], report: Report) -> Map:
    """The mapping with our keys, in the order written."""
    if not table.keys() & node.entries.keys():
        return node
    entries: dict[str, tuple[Place, Node]] = {}
    written: dict[str, str] = {real: real for real in table.values() if real in node.entries}
    for word, (place, value) in node.entries.items():
        real = table.get(word, word)
        if real != word:
            if real in written:
                message = f'"{word}" and "{written[real]}" say the same thing.'
                report.refuse("exclusive", place, (*path, word), message, f"Keep {real}.")
                continue
            _say(report, place, (*path, word), word, real)
            written[real] = word
        entries[real] = (place, value)
    return Map(entries, node.place, node.key)


def _env(node: Node, path: Path, key: Place, report: Report) -> Node:
    """A list of {name, value} or "A=b" as a mapping."""
    if type(node) is not Items:
        return node
    entries: dict[str, tuple[Place, Node]] = {}
    for number, item in enumerate(node.items):
        here = (*path, number)
        name: Scalar | None = None
        value: Node | None = None
        if type(item) is Scalar and "=" in item.text:
            left, _, right = item.text.partition("=")
            name, value = Scalar(left, item.style, item.place), Scalar(right, item.style or "'", item.place)
        elif type(item) is Map:
            found = item.entries.get("name") or item.entries.get("key")
            name = found[1] if found and type(found[1]) is Scalar else None
            value = item.entries["value"][1] if "value" in item.entries else None
            if item.entries.keys() - {"name", "key", "value"}:
                value = None
        if name is None or value is None:
            report.refuse(
                "schema.type", item.place, here, "this is no variable.", "Write env as a mapping: NAME: value."
            )
        elif name.text in entries:
            message = f'"{echo(name.text)}" is written twice, first in line {entries[name.text][0][0]}.'
            report.refuse("yaml.duplicate_key", name.place, here, message, "Keep one.")
        else:
            entries[name.text] = (name.place, value)
    return Map(entries, node.place, key)


def _build(node: Node, path: Path, report: Report) -> Node:
    return _rename(node, path, BUILD_KEYS, report) if type(node) is Map else node


def _atp(entries: dict[str, tuple[Place, Node]], report: Report) -> None:
    """`atp: path` is `build: {ci: path}`."""
    place, value = entries.pop("atp")
    build = entries.get("build")
    if build is not None and type(build[1]) is Map and "ci" in build[1].entries:
        report.refuse("exclusive", place, ("atp",), '"atp" and "build.ci" say the same thing.', "Keep build.ci.")
        return
    _say(report, place, ("atp",), "atp", "build.ci")
    if build is None:
        entries["build"] = (place, Map({"ci": (place, value)}, value.place, place))
    elif type(build[1]) is Map:
        # What is no mapping stays, and is told.
        entries["build"] = (build[0], Map({**build[1].entries, "ci": (place, value)}, build[1].place, build[0]))


def _components(node: Node, path: Path, key: Place, report: Report, types: Mapping[str, Node] | None = None) -> Node:
    if type(node) is Items:
        node = _list_of_components(node, path, key, report)
    if type(node) is not Map:
        return node
    entries = {}
    for name, (place, value) in node.entries.items():
        if type(value) is Map:
            value = _component(value, (*path, name), report, types.get(name) if types else None)
        entries[name] = (place, value)
    return Map(entries, node.place, node.key)


def _list_of_components(node: Items, path: Path, key: Place, report: Report) -> Map:
    entries: dict[str, tuple[Place, Node]] = {}
    for number, item in enumerate(node.items):
        found = item.entries.get("name") if type(item) is Map else None
        if type(item) is not Map or found is None or type(found[1]) is not Scalar:
            message = "this component has no name."
            report.refuse(
                "schema.missing", item.place, (*path, number), message, "Write components as a mapping: name: {…}."
            )
            continue
        name = found[1]
        if name.text in entries:
            message = f'"{echo(name.text)}" is written twice, first in line {entries[name.text][0][0]}.'
            report.refuse("yaml.duplicate_key", name.place, (*path, number), message, "Keep one.")
            continue
        rest = {word: entry for word, entry in item.entries.items() if word != "name"}
        entries[name.text] = (name.place, Map(rest, item.place, name.place))
    return Map(entries, node.place, key)


def _component(node: Map, path: Path, report: Report, known_type: Node | None = None) -> Map:
    kind = node.entries["type"][1] if "type" in node.entries else known_type
    table: Mapping[str, str] = COMPONENT_KEYS
    if type(kind) is Scalar and kind.text in _CRON_TYPES:
        table = COMPONENT_KEYS | CRON_KEYS
    health_alias = _HEALTH_ALIASES & node.entries.keys()
    was_autoscaling = "autoscaling" in node.entries
    _tell_list(node, "env", path, report)
    node = _rename(node, path, table, report)
    entries = node.entries
    if not (health_alias or was_autoscaling or {"env", "resources"} & entries.keys()):
        return node
    entries = dict(entries)
    _change(entries, "env", lambda n, _, key: _env(n, (*path, "env"), key, report))
    if health_alias and "health" in entries:
        place, value = entries["health"]
        if type(value) is Map and value.entries.keys() == {"path"}:
            entries["health"] = (place, value.entries["path"][1])
    if was_autoscaling and "autoscale" in entries:
        place, value = entries["autoscale"]
        if type(value) is Map:
            entries["autoscale"] = (place, _rename(value, (*path, "autoscale"), AUTOSCALE_KEYS, report))
    _requests(entries, path, report)
    return Map(entries, node.place, node.key)


def _requests(entries: dict[str, tuple[Place, Node]], path: Path, report: Report) -> None:
    """`resources: {requests, limits}` of Kubernetes."""
    if "resources" not in entries or type(entries["resources"][1]) is not Map:
        return
    place, resources = entries["resources"]
    assert isinstance(resources, Map)
    if not {"requests", "limits"} & resources.entries.keys():
        return
    here = (*path, "resources")
    inside = dict(resources.entries)
    errors = report.errors
    if "limits" in inside:
        at, limits = inside.pop("limits")
        if "limits" in entries:
            message = '"resources.limits" and "limits" say the same thing.'
            report.refuse("exclusive", at, (*here, "limits"), message, "Keep limits.")
        else:
            entries["limits"] = (at, limits)
    if "requests" in inside:
        at, requests = inside.pop("requests")
        if type(requests) is not Map:
            refused_shape(report, requests, (*here, "requests"), "a mapping")
        elif requests.entries.keys() & inside.keys():
            message = '"requests" and "resources" say the same thing.'
            report.refuse("exclusive", at, (*here, "requests"), message, "Keep resources.")
        else:
            inside |= requests.entries
    if report.errors == errors:
        report.warn("alias", place, here, "requests are called resources here, and limits stands beside them.")
    entries["resources"] = (place, Map(inside, resources.place, resources.key))
