"""`mcd product-line …` and `mcd member …`: namespaces with their quota, and who may do what in them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.documents import mapping_from
from mcd.cli.options import OutputOption, YesOption, confirm_name, server
from mcd.cli.output import Column, Form, Item, show_list, show_one
from mcd.cli.remote.columns import field, message, named, state, text
from mcd.errors import Code, McdError

product_line = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Product lines: list, show, context, create, set, delete.",
)
member = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Members of a product line: list, add, remove.",
)

COLUMNS = [
    field("name"),
    state(),
    field("cluster"),
    field("namespace"),
    field("quota", "wishes", "quota"),
    message(wide=True),
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "-f", "--file", help="YAML or JSON with the keys of product_line in the context file; - reads stdin.",
        allow_dash=True,
    ),
]  # fmt: skip
QuotaOption = Annotated[
    list[str] | None, typer.Option("--quota", metavar="WHAT=N", help="cpu=20, memory=64Gi, pods=100, storage=1Ti …")
]

TakeOverOption = Annotated[
    bool,
    typer.Option("--take-over", help="Adopt what somebody else made in the namespace under MCD's names."),
]


class Role(StrEnum):
    """Each includes the rights of those before it."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    RELEASE_MANAGER = "release_manager"
    OWNER = "owner"


def _wishes(file: Path | None, quota: list[str] | None, node_pool: str | None) -> dict[str, Any]:
    from mcd.cli.options import pairs

    wishes: dict[str, Any] = dict(mapping_from(file)) if file else {}
    if quota:
        asked: dict[str, Any] = {}
        for key, value in pairs(quota, "--quota").items():
            asked[key] = int(value) if key == "pods" and value.isdigit() else value
        wishes["quota"] = {**(wishes.get("quota") or {}), **asked}
    if node_pool:
        wishes["node_pool"] = node_pool
    return wishes


@product_line.command("list")
def line_list(output: OutputOption = Form.TABLE) -> None:
    """List the product lines that you may see.

    Example: mcd product-line list
    """
    with server() as client:
        items = client.items("/product-lines")
    show_list(items, COLUMNS, output, named("product-line"))


@product_line.command("show")
def line_show(name: Annotated[str, typer.Argument(metavar="NAME")], output: OutputOption = Form.TABLE) -> None:
    """Show one product line: where it is, what it may use.

    Example: mcd product-line show demo
    """
    with server() as client:
        found = client.get(f"/product-lines/{segment(name)}")
    columns = [
        *COLUMNS[:5],
        field("node pools", "wishes", "node_pools"),
        field("security", "wishes", "security"),
        message(),
    ]
    show_one(found, columns, output, named("product-line"))


@product_line.command("context")
def line_context(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]) -> None:
    """Print what MCD knows of a product line, its cluster and its node pools, as the file that `mcd validate`,
    `render` and `export` take with --context: with it they say what a push would. (`mcd context` is about servers.)

    Example: mcd product-line context demo > context.yaml
    """
    import yaml

    with server() as client:
        found = client.get(f"/product-lines/{segment(name)}/context")
    print(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), end="")


@product_line.command("create")
def line_create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    cluster: Annotated[str, typer.Option("--cluster", help="The cluster it lives on.")],
    namespace: Annotated[str | None, typer.Option("--namespace", help="Default: its name.")] = None,
    quota: QuotaOption = None,
    node_pool: Annotated[str | None, typer.Option("--node-pool", help="Where its pods run by default.")] = None,
    take_over: TakeOverOption = False,
    file: FileOption = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Create a product line: a namespace with quota, policies and members.

    Example: mcd product-line create demo --cluster local --quota cpu=20 --quota memory=64Gi
    """
    wish: dict[str, Any] = {
        "name": name,
        "cluster": cluster,
        "namespace": namespace,
        "wishes": _wishes(file, quota, node_pool),
    }
    if take_over:
        wish["take_over"] = True
    with server() as client:
        made = client.post("/product-lines", {k: v for k, v in wish.items() if v is not None}).body
    show_one(made, COLUMNS, output, named("product-line"))


@product_line.command("set")
def line_set(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    quota: QuotaOption = None,
    node_pool: Annotated[str | None, typer.Option("--node-pool", help="Where its pods run by default.")] = None,
    take_over: TakeOverOption = False,
    file: FileOption = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Change what a product line may use. Keys that are not named stay.

    Example: mcd product-line set demo --quota cpu=40
    """
    wishes = _wishes(file, None, node_pool)
    if not wishes and not quota and not take_over:
        raise McdError(Code.INVALID, "nothing to change is named.", "Say --quota, --node-pool, --take-over or -f FILE.")
    with server() as client:
        where = f"/product-lines/{segment(name)}"
        seen = client.ask("GET", where)
        if quota:
            have = (seen.body.get("wishes") or {}).get("quota") or {}
            wishes["quota"] = {**have, **(wishes.get("quota") or {}), **_wishes(None, quota, None)["quota"]}
        wish = {"wishes": wishes, "take_over": True} if take_over else {"wishes": wishes}
        changed = client.change("PATCH", where, wish, seen.tag).body
    show_one(changed, COLUMNS, output, named("product-line"))


@product_line.command("delete")
def line_delete(name: Annotated[str, typer.Argument(metavar="NAME")], yes: YesOption = False) -> None:
    """Delete a product line that has no Apps, with its namespace.

    Example: mcd product-line delete demo
    """
    with server() as client:
        client.get(f"/product-lines/{segment(name)}")
        confirm_name("product line", name, yes, f"{name}: its namespace goes with everything that MCD made in it.")
        client.delete(f"/product-lines/{segment(name)}")
    print(f"{name} is being deleted")


# --- members --------------------------------------------------------------------------------------------------------

MemberLine = Annotated[
    str | None,
    typer.Option(
        "-p", "--product-line", metavar="NAME", help="The product line. Default: your own.", show_default=False
    ),
]


def own_line(client: Client, named_one: str | None) -> str:
    """The product line that is named, else the person's own. Raises McdError(invalid) when there is neither."""
    line = named_one or client.get("/whoami").get("default_product_line")
    if not line:
        raise McdError(Code.INVALID, "no product line is named and you have no default.", "Say -p NAME.")
    return str(line)


def _role() -> Column:
    def words(item: Item) -> str:
        return " and ".join(word for word in (text(item.get("role")), "admin" if item.get("admin") else "") if word)

    return Column("role", words)


@member.command("list")
def member_list(product_line: MemberLine = None, output: OutputOption = Form.TABLE) -> None:
    """List who may do what in a product line: its members, and the admins, who may do everything.

    Example: mcd member list -p demo
    """
    with server() as client:
        items = client.items(f"/product-lines/{segment(own_line(client, product_line))}/members")
    show_list(items, [field("person"), _role()], output, named("person", "person"))


@member.command("add")
def member_add(
    person: Annotated[str, typer.Argument(metavar="PERSON")],
    role: Annotated[Role, typer.Option("--role", help="What they may do.")] = Role.DEVELOPER,
    product_line: MemberLine = None,
) -> None:
    """Let a person in, or change their role.

    Example: mcd member add alice --role developer -p demo
    """
    with server() as client:
        line = own_line(client, product_line)
        client.change("PUT", f"/product-lines/{segment(line)}/members/{segment(person)}", {"role": role.value})
    print(f"{person} is {role.value} in {line}")


@member.command("remove")
def member_remove(person: Annotated[str, typer.Argument(metavar="PERSON")], product_line: MemberLine = None) -> None:
    """Take a person's rights in a product line away.

    Example: mcd member remove alice -p demo
    """
    with server() as client:
        line = own_line(client, product_line)
        client.delete(f"/product-lines/{segment(line)}/members/{segment(person)}")
    print(f"{person} is not a member of {line} any more")
