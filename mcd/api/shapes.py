"""What the API answers: one pydantic model per noun, made from the frozen values of `mcd.model`.

The models are the contract with every client and become the OpenAPI file. They hold no rule and never a secret's value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from mcd import model
from mcd.errors import Code, Severity
from mcd.errors import Problem as FileProblem
from mcd.model.named import state_named
from mcd.model.why import Note, as_told, say, saying, told

T = TypeVar("T")


class Shape(BaseModel):
    """Closed: a field that is not listed here is in no answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Page(Shape, Generic[T]):
    """A piece of a list, in a stable order. The next piece has the same query and `cursor`."""

    # Pydantic looks for the docstrings of a generic in the source of every module there is: a second of each start.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[T]
    next_cursor: str | None = Field(
        None,
        description='Opaque. Null at the end of the list. The `Link` header holds the whole address with `rel="next"`.',
    )


class Problem(Shape):
    """One thing that is wrong with the input, by app-yaml 2.3 and 2.4."""

    code: str
    severity: Literal["error", "warning"]
    file: str
    """The path of the file; `body`, `query`, `path` or `header` for a part of the request."""
    line: int | None
    """From 1; null where the input has no lines (a JSON body)."""
    column: int | None
    field: str
    """Dotted path, empty for a problem of the reader."""
    message: str
    hint: str

    @classmethod
    def of(cls, problem: FileProblem) -> Problem:
        return cls(
            code=problem.code,
            severity=problem.severity.value,
            file=problem.file,
            line=problem.line or None,
            column=problem.column or None,
            field=problem.field,
            message=problem.message,
            hint=problem.hint,
        )

    def __str__(self) -> str:
        """As every other face says it."""
        at = {"severity": Severity(self.severity), "line": self.line or 0, "column": self.column or 0}
        return str(FileProblem(**{**self.model_dump(), **at}))


class ProblemDetails(Shape):
    """RFC 9457. Every refusal of this API has this form, as application/problem+json."""

    type: str
    """Where this kind of refusal is documented."""
    title: str
    status: int
    detail: str
    """What, where, what to do, for a person."""
    instance: str
    """The path that was asked."""
    code: Code
    reason: str = ""
    """A CamelCase word to switch on; empty when the code says enough."""
    problems: list[Problem] = []
    request_id: str


class Condition(Shape):
    """A condition in Kubernetes' form."""

    type: model.ConditionType
    status: Literal["True", "False", "Unknown"]
    """`Unknown`: it was so when it was seen last, and the cluster does not let us look now."""
    reason: model.Reason
    message: str
    observed_generation: int
    last_transition: datetime

    @classmethod
    def of(cls, condition: model.Condition) -> Condition:
        return cls(
            type=condition.type,
            status="True" if condition.status else "False",
            reason=condition.reason,
            message=condition.message,
            observed_generation=condition.observed_generation,
            last_transition=condition.last_transition,
        )


class State(Shape):
    """How far a wish has come. `state`, `reason` and `message` sum the conditions up."""

    state: model.StateWord
    reason: model.Reason
    message: str
    since: datetime | None
    """Since when `state` holds; null before a controller has looked."""
    generation: int
    observed_generation: int
    """Smaller than `generation`: the newest wish was not looked at yet."""
    conditions: list[Condition]

    @classmethod
    def of(cls, state: model.Reconciled) -> State:
        word, reason, message = summary(state)
        return cls(
            state=word,
            reason=reason,
            message=message,
            since=model.since_when(state, word),
            generation=state.generation,
            observed_generation=state.observed_generation,
            conditions=[Condition.of(c) for c in state.conditions],
        )


def summary(state: model.Reconciled) -> tuple[model.StateWord, model.Reason, str]:
    """The word, its reason and its message, from the three conditions."""
    word = model.state_word(state)
    stalled, ready, going = (
        state.condition(kind)
        for kind in (model.ConditionType.STALLED, model.ConditionType.READY, model.ConditionType.RECONCILING)
    )
    told = going or ready
    match word:
        case model.StateWord.STALLED if stalled:
            return word, stalled.reason, stalled.message
        case model.StateWord.DELETING:
            return word, model.Reason.DELETING, told.message if told else ""
        case model.StateWord.UNKNOWN if going:
            return word, going.reason, saying(_WAS_READY, as_told(going.message))
        case model.StateWord.READY | model.StateWord.SUPERSEDED if ready:
            return word, ready.reason, ready.message
    if going and going.status:
        return word, going.reason, going.message
    if ready and not ready.status and not (stalled and stalled.status):
        return word, ready.reason, ready.message
    return word, model.Reason.NEW, say(Note.NOT_TAKEN_YET)


_WAS_READY = told(Note.WAS_SEEN_LAST, before=state_named(model.StateWord.READY), when="")


class Whoami(Shape):
    name: str
    admin: bool
    roles: dict[str, model.Role]
    """Product line → role there. An admin has every right without being named."""
    scope: model.Scope
    """What this session or token may be used for at most."""
    via: str
    default_product_line: str | None

    @classmethod
    def of(cls, actor: model.Actor) -> Whoami:
        return cls(
            name=actor.name,
            admin=actor.admin,
            roles=dict(actor.roles),
            scope=actor.scope,
            via=actor.via,
            default_product_line=actor.default_product_line,
        )


class Person(Shape):
    name: str
    admin: bool
    default_product_line: str | None
    disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, person: model.Person) -> Person:
        return cls(
            name=person.name,
            admin=person.admin,
            default_product_line=person.default_product_line,
            disabled=person.disabled,
            created_at=person.created_at,
        )


class Token(Shape):
    id: str
    name: str
    scope: model.Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: model.Token) -> Token:
        return cls(**_token(token))


class NewToken(Token):
    secret: str
    """The token itself. Shown this once and never stored."""

    @classmethod
    def once(cls, token: model.Token, secret: str) -> NewToken:
        return cls(**_token(token), secret=secret)


def _token(token: model.Token) -> dict[str, Any]:
    names = ("id", "name", "scope", "created_at", "expires_at", "last_used_at")
    return {name: getattr(token, name) for name in names}


class Cluster(State):
    name: str
    idc: str
    facts: dict[str, Any]
    """What people told us about it: the keys of `cluster` in the context file."""
    kubernetes: str
    """Version that it was seen to run; empty before it was seen."""
    kinds: list[str]
    """`group/version/Kind` of what it serves, of those that MCD may use."""
    storage_classes: list[str]
    seen_at: datetime | None

    @classmethod
    def shown(cls, cluster: model.Cluster) -> Cluster:
        return cls(
            **dict(State.of(cluster.state)),
            name=cluster.name,
            idc=cluster.idc,
            facts=dict(cluster.facts),
            kubernetes=cluster.serves.kubernetes,
            kinds=sorted(cluster.serves.kinds),
            storage_classes=list(cluster.serves.storage_classes),
            seen_at=cluster.seen_at,
        )


class Device(Shape):
    vendor: str
    model: str
    product: str = ""
    memory: str = ""
    per_node: int = 0
    resource: str = ""
    mig: list[str] = []


class NodePool(Shape):
    name: str
    cluster: str
    labels: dict[str, str]
    taints: list[dict[str, str]]
    runtime_class: str
    arch: str
    capacity: dict[str, str]
    devices: list[Device]
    dedicated_to: str | None
    """The only product line that may use it, or null."""
    oversell: float
    """How much more than its capacity Apps may ask for. Kept, not used yet: nothing is counted by it."""

    @classmethod
    def of(cls, pool: model.NodePool) -> NodePool:
        return cls(
            name=pool.name,
            cluster=pool.cluster,
            labels=dict(pool.labels),
            taints=[dict(taint) for taint in pool.taints],
            runtime_class=pool.runtime_class,
            arch=pool.arch,
            capacity=dict(pool.capacity),
            devices=[
                Device(
                    vendor=d.vendor, model=d.model, product=d.product, memory=d.memory, per_node=d.per_node,
                    resource=d.resource, mig=list(d.mig),
                )
                for d in pool.devices
            ],
            dedicated_to=pool.dedicated_to,
            oversell=pool.oversell,
        )  # fmt: skip


class ProductLine(State):
    name: str
    cluster: str
    namespace: str
    wishes: dict[str, Any]
    """quota, node_pool, node_pools, config, security, egress, timezone."""
    take_over: bool
    """What somebody else made under the names of MCD's objects is adopted, until the next change."""

    @classmethod
    def shown(cls, line: model.ProductLine) -> ProductLine:
        return cls(
            **dict(State.of(line.state)),
            name=line.name,
            cluster=line.cluster,
            namespace=line.namespace,
            wishes=dict(line.wishes),
            take_over=line.take_over,
        )


class ContextFile(Shape):
    """What the commands without a server take with `--context`."""

    product_line: dict[str, Any]
    cluster: dict[str, Any]
    node_pools: list[dict[str, Any]]


class Member(Shape):
    """Who may act in a product line."""

    person: str
    role: model.Role | None
    """Null for an admin who has no role there and needs none."""
    admin: bool = False


class Secret(Shape):
    """A secret without its values: nobody can read them back."""

    name: str
    keys: list[str]
    version: int
    generated: bool = False
    """Made once by MCD for a variable of app.yaml with `generate`, whose name it has; nobody set it."""


class Event(Shape):
    sequence: int
    """Orders Events; clocks do not."""
    at: datetime
    noun: model.Noun
    name: str
    product_line: str | None
    app: str | None
    kind: model.EventKind
    actor: str
    message: str
    data: dict[str, Any]

    @classmethod
    def of(cls, event: model.Event) -> Event:
        names = ("sequence", "at", "noun", "name", "product_line", "app", "kind", "actor", "message")
        return cls(**{name: getattr(event, name) for name in names}, data=dict(event.data))


class Validation(Shape):
    ok: bool
    errors: int
    warnings: int
    problems: list[Problem]

    @classmethod
    def of(cls, problems: Iterable[FileProblem]) -> Validation:
        shown = [Problem.of(p) for p in problems]
        count = sum(p.severity == "error" for p in shown)
        return cls(ok=count == 0, errors=count, warnings=len(shown) - count, problems=shown)


class Version(Shape):
    version: str
    revision: str
    api: Literal["v1"] = "v1"
