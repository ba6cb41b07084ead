"""`mcd cluster …` and `mcd node-pool …`: where Apps run. What a cluster serves is seen by MCD, never told here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mcd.cli.client import segment
from mcd.cli.documents import mapping_from, text_from
from mcd.cli.options import OutputOption, YesOption, confirm_name, pairs, server
from mcd.cli.output import Column, Form, Item, lasting, note, show_list, show_one
from mcd.cli.remote.columns import ago, field, message, named, state, text
from mcd.errors import Code, McdError

cluster = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Clusters: list, show, create, set, delete."
)
node_pool = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Node pools of a cluster: list, show, set, delete.",
)

COLUMNS = [field("name"), state(), field("kubernetes"), field("idc"), ago("seen", "seen_at"), message(wide=True)]

KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", help="File with server, CA and credential in it; - reads stdin.", allow_dash=True),
]
FactOption = Annotated[
    list[str] | None,
    typer.Option("--fact", metavar="KEY=VALUE", help="base_domain=apps.example.com, gateway_api=true …"),
]
FactsOption = Annotated[
    Path | None,
    typer.Option("--facts", help="YAML or JSON with the keys of cluster in the context file.", allow_dash=True),
]


def _facts(file: Path | None, words: list[str] | None) -> dict[str, Any]:
    facts: dict[str, Any] = dict(mapping_from(file)) if file else {}
    for key, value in pairs(words or [], "--fact").items():
        try:
            facts[key] = json.loads(value)  # true, 3, {"a": 1}
        except ValueError:
            facts[key] = value
    return facts


@cluster.command("list")
def cluster_list(output: OutputOption = Form.TABLE) -> None:
    """List the clusters and whether they answer.

    Example: mcd cluster list
    """
    with server() as client:
        items = client.items("/clusters")
    show_list(items, COLUMNS, output, named("cluster"))


@cluster.command("show")
def cluster_show(name: Annotated[str, typer.Argument(metavar="NAME")], output: OutputOption = Form.TABLE) -> None:
    """Show one cluster: what it serves and what people told of it.

    Example: mcd cluster show local -o json
    """
    with server() as client:
        found = client.get(f"/clusters/{segment(name)}")
    columns = [
        *COLUMNS[:2], Column("since", _since), *COLUMNS[2:5], field("storage classes", "storage_classes"),
        Column("facts", _fact_lines), message(),
    ]  # fmt: skip
    show_one(found, columns, output, named("cluster"))
    if output in (Form.TABLE, Form.WIDE) and (step := next_step(found)):
        note(f"next: {step}")


_STEPS = {
    "Unreachable": "see that its API server runs and can be reached from MCD. What runs in it runs on, and what "
    "was wished is carried out by itself when it answers; `mcd doctor` says it too.",
    "ClusterAuthFailed": "give it a new kubeconfig: mcd cluster set {name} --kubeconfig FILE",
    "Forbidden": "give MCD the right that the message names, in the cluster.",
    "VersionTooOld": "upgrade it, or move its product lines to another one.",
}


def next_step(found: Item) -> str:
    """What a person can do about a cluster that is not ready; empty: it is, or it goes on by itself."""
    step = _STEPS.get(found.get("reason", ""), "") if found.get("state") != "ready" else ""
    return step.format(name=found.get("name"))


def _since(found: Item) -> str:
    """Since when it is ready, or is not: how long, and the moment."""
    ready = next((c for c in found.get("conditions") or [] if c.get("type") == "Ready"), None)
    if ready is None:
        return ""
    word = "ready" if ready.get("status") == "True" else "not ready"
    return f"{word} {lasting(ready['last_transition'])}, since {ready['last_transition']}"


def _fact_lines(found: Any) -> str:
    return ", ".join(f"{key}={text(value)}" for key, value in sorted((found.get("facts") or {}).items()))


@cluster.command("create")
def cluster_create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    kubeconfig: KubeconfigOption = None,
    idc: Annotated[str, typer.Option("--idc", help="The data centre it is in.")] = "",
    fact: FactOption = None,
    facts: FactsOption = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Add a cluster. The credential is kept encrypted and never shown again.

    Example: mcd cluster create bj1 --kubeconfig bj1.yaml --fact base_domain=apps.example.com
    """
    if kubeconfig is None:
        raise McdError(Code.INVALID, "no credential is given.", "Say --kubeconfig FILE.")
    wish = {"name": name, "idc": idc, "kubeconfig": text_from(kubeconfig), "facts": _facts(facts, fact)}
    with server() as client:
        made = client.post("/clusters", wish).body
    show_one(made, COLUMNS, output, named("cluster"))


@cluster.command("set")
def cluster_set(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    kubeconfig: KubeconfigOption = None,
    idc: Annotated[str | None, typer.Option("--idc", help="The data centre it is in.")] = None,
    fact: FactOption = None,
    facts: FactsOption = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Change a cluster: a new credential, other facts. --facts replaces all facts, --fact changes one.

    Example: mcd cluster set bj1 --kubeconfig new.yaml
    """
    wish: dict[str, Any] = {}
    if kubeconfig is not None:
        wish["kubeconfig"] = text_from(kubeconfig)
    if idc is not None:
        wish["idc"] = idc
    if not wish and not fact and facts is None:
        raise McdError(Code.INVALID, "nothing to change is named.", "Say --kubeconfig, --idc, --fact or --facts.")
    with server() as client:
        where = f"/clusters/{segment(name)}"
        seen = client.ask("GET", where)
        if facts is not None or fact:
            kept = {} if facts is not None else dict(seen.body.get("facts") or {})
            wish["facts"] = {**kept, **_facts(facts, fact)}
        changed = client.change("PATCH", where, wish, seen.tag).body
    show_one(changed, COLUMNS, output, named("cluster"))


@cluster.command("delete")
def cluster_delete(name: Annotated[str, typer.Argument(metavar="NAME")], yes: YesOption = False) -> None:
    """Forget a cluster that has no product lines. Nothing in it is touched.

    Example: mcd cluster delete bj1
    """
    with server() as client:
        client.get(f"/clusters/{segment(name)}")
        confirm_name("cluster", name, yes, f"{name}: MCD forgets it and its credential. Nothing in it is touched.")
        client.delete(f"/clusters/{segment(name)}")
    print(f"{name} is forgotten")


# --- node pools -----------------------------------------------------------------------------------------------------

POOL_COLUMNS = [
    field("name"),
    field("cluster"),
    Column("devices", lambda p: ", ".join(_device(d) for d in p.get("devices") or [])),
    field("dedicated to", "dedicated_to"),
    field("capacity"),
    field("arch", wide=True),
    field("labels", wide=True),
]
ClusterOption = Annotated[str | None, typer.Option("--cluster", help="Only of this cluster.")]


def _device(device: Any) -> str:
    return f"{device.get('per_node')} x {device.get('vendor')} {device.get('model')}"


def pool_path(cluster: str, name: str) -> str:
    return f"/node-pools/{segment(cluster)}/{segment(name)}"


@node_pool.command("list")
def pool_list(cluster: ClusterOption = None, output: OutputOption = Form.TABLE) -> None:
    """List node pools with their devices.

    Example: mcd node-pool list --cluster local
    """
    with server() as client:
        items = client.items("/node-pools", cluster=cluster)
    show_list(items, POOL_COLUMNS, output, named("node-pool"))


@node_pool.command("show")
def pool_show(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    cluster: Annotated[str, typer.Option("--cluster", help="The cluster it is of.")],
    output: OutputOption = Form.TABLE,
) -> None:
    """Show one node pool.

    Example: mcd node-pool show gpu-t4 --cluster local
    """
    with server() as client:
        found = client.get(pool_path(cluster, name))
    show_one(
        found, [*POOL_COLUMNS[:5], field("labels"), field("runtime class", "runtime_class")], output, named("node-pool")
    )


@node_pool.command("set")
def pool_set(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    cluster: Annotated[str, typer.Option("--cluster", help="The cluster it is of.")],
    file: Annotated[
        Path,
        typer.Option(
            "-f", "--file", help="YAML or JSON as in node_pools of the context file; - reads stdin.", allow_dash=True
        ),
    ],
    output: OutputOption = Form.TABLE,
) -> None:
    """Add a node pool, or replace what is known of one.

    Example: mcd node-pool set gpu-t4 --cluster local -f pool.yaml
    """  # fmt: skip
    wish = {k: v for k, v in mapping_from(file).items() if k not in ("name", "cluster")}
    with server() as client:
        made = client.change("PUT", pool_path(cluster, name), wish).body
    show_one(made, POOL_COLUMNS, output, named("node-pool"))


@node_pool.command("delete")
def pool_delete(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    cluster: Annotated[str, typer.Option("--cluster", help="The cluster it is of.")],
    yes: YesOption = False,
) -> None:
    """Forget a node pool. Its nodes are not touched.

    Example: mcd node-pool delete gpu-t4 --cluster local
    """
    with server() as client:
        client.get(pool_path(cluster, name))
        confirm_name("node pool", name, yes, f"{name}: Apps that name it will not deploy any more.")
        client.delete(pool_path(cluster, name))
    print(f"{name} is forgotten")
