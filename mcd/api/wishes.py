"""What the API accepts: one pydantic model per wish. Closed (an unknown field is refused), strict about types.

The models check form only; what may be wished is decided where the wish is stored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from mcd.model import Role, Scope

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", max_length=40),
    Field(description="Small letters, digits and `-`; begins with a letter; at most 40 characters."),
]
PersonName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?$", max_length=63),
    Field(description="Small letters, digits, `.`, `_` and `-`; at most 63 characters."),
]
Key = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Label = Annotated[str, StringConstraints(max_length=253)]
Text = Annotated[str, StringConstraints(max_length=4096)]
Number = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class SignIn(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "alice", "password": "correct horse battery"}]})
    name: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class PersonNew(Wish):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "alice", "password": "correct horse battery", "default_product_line": "demo"}]
        }
    )
    name: PersonName
    password: Annotated[SecretStr, Field(min_length=12, max_length=1024)]
    """At least 12 characters."""
    admin: StrictBool = False
    default_product_line: Name | None = None


class PersonChange(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"default_product_line": "demo"}]})
    password: Annotated[SecretStr, Field(min_length=12, max_length=1024)] | None = None
    admin: StrictBool | None = None
    disabled: StrictBool | None = None
    """True ends all sessions and tokens of the person."""
    default_product_line: Name | None = None


class TokenNew(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "laptop", "scope": "deploy", "days": 30}]})
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    scope: Scope = Scope.ALL
    days: Annotated[StrictInt, Field(ge=1, le=90)] = 30
    """Days until it expires, at most 90."""


class ClusterNew(Wish):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "bj1",
                    "idc": "beijing",
                    "kubeconfig": "apiVersion: v1\nkind: Config\n…",
                    "facts": {"base_domain": "apps.example.com", "gateway_api": True},
                }
            ]
        }
    )
    name: Name
    idc: Annotated[str, StringConstraints(max_length=63)] = ""
    kubeconfig: Annotated[SecretStr, Field(min_length=1, max_length=65536)]
    """Server, CA data and a token or client certificate data. Nothing that names a file or runs a program."""
    facts: dict[str, Any] = {}
    """The keys of `cluster` in the context file."""


class ClusterChange(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"facts": {"base_domain": "apps.example.com"}}]})
    idc: Annotated[str, StringConstraints(max_length=63)] | None = None
    kubeconfig: Annotated[SecretStr, Field(min_length=1, max_length=65536)] | None = None
    facts: dict[str, Any] | None = None
    """Replaces all facts."""


class Device(Wish):
    vendor: Annotated[str, StringConstraints(max_length=63)]
    model: Annotated[str, StringConstraints(max_length=63)]
    product: Label = ""
    memory: Annotated[str, StringConstraints(max_length=32)] = ""
    per_node: Count = 0
    resource: Label = ""
    mig: list[Label] = []


class Taint(Wish):
    key: Label
    value: Label = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NodePoolPut(Wish):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "labels": {"mcd.internal/node-pool": "gpu-t4"},
                    "taints": [{"key": "mcd.internal/node-pool", "value": "gpu-t4", "effect": "NoSchedule"}],
                    "devices": [
                        {"vendor": "nvidia", "model": "T4", "per_node": 4, "memory": "15360Mi",
                         "resource": "nvidia.com/gpu"}
                    ],
                }
            ]
        }
    )  # fmt: skip
    labels: Annotated[dict[Label, Label], Field(min_length=1, max_length=64)]
    taints: Annotated[list[Taint], Field(max_length=64)] = []
    runtime_class: Label = ""
    arch: Literal["amd64", "arm64"] = "amd64"
    capacity: Annotated[dict[Label, Annotated[str, StringConstraints(max_length=32)]], Field(max_length=64)] = {}
    """Of one node: cpu, memory."""
    devices: Annotated[list[Device], Field(max_length=64)] = []
    dedicated_to: Name | None = None
    oversell: Annotated[StrictFloat | StrictInt, Field(ge=1, le=100)] = 1.0
    """How much more than its capacity Apps may ask for. Kept, not used yet: nothing is counted by it."""


class ProductLineNew(Wish):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "demo", "cluster": "local", "wishes": {"quota": {"cpu": "20"}}}]}
    )
    name: Name
    cluster: Name
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] | None = None
    """Default: the name."""
    wishes: dict[str, Any] = {}
    """quota, node_pool, node_pools, config, security, egress, timezone."""
    take_over: StrictBool = False
    """Adopt what is in the namespace already under the names of MCD's objects, until the next change."""


class ProductLineChange(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"wishes": {"quota": {"cpu": "40"}}}]})
    wishes: dict[str, Any]
    """Replaces the wishes that are named; a null takes one away."""
    take_over: StrictBool = False
    """Adopt what somebody else made under the names of MCD's objects, until the next change."""


class MemberPut(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "developer"}]})
    role: Role


class SecretPut(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"values": {"token": "s3cr3t"}}]})
    values: Annotated[dict[Key, Annotated[SecretStr, Field(max_length=65536)]], Field(min_length=1, max_length=100)]
    """Key → value. Replaces the whole secret; the next version is made."""


class AppNew(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "shop", "product_line": "demo"}]})
    name: Name
    product_line: Name
    repository: Annotated[str, StringConstraints(max_length=1024)] | None = None
    """Default: a repository that MCD itself holds (`mcd:<name>`), to which you push."""
    path: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = "app.yaml"
    branch: Annotated[str, StringConstraints(min_length=1, max_length=244)] = "main"


class AppChange(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"branch": "main"}]})
    repository: Annotated[str, StringConstraints(max_length=1024)] | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    branch: Annotated[str, StringConstraints(min_length=1, max_length=244)] | None = None


class RolloutNew(Wish):
    """Run this Release with these Settings. A rollback is the same wish with an older pair."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"release": 7}, {"commit": "3f2a9c1d", "dry_run": True}, {"restart": ["web"]}]}
    )
    release: Number | None = None
    """Number of a Release. Neither `release` nor `commit`: the live one (to restart it, or with other settings)."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,40}$")] | None = None
    """A commit of the App's repository. Becomes a Release if it is none yet; a failed build is tried again."""
    settings: Annotated[StrictInt, Field(ge=0, le=2**31 - 1)] | None = None
    """Revision; 0 is what every App begins with. Default: the newest."""
    rollback: StrictBool = False
    """This goes back to what ran before: it is told as a rollback, and never rolled back by itself. Needs `release`."""
    dry_run: StrictBool = False
    """Answer what would be written, and write nothing."""
    take_over: StrictBool = False
    """Adopt objects of the same name that somebody else made."""
    restart: Annotated[list[Name], Field(max_length=100)] = []
    """Components whose pods are replaced though nothing changed."""
    confirmed_prune: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")] = ""
    """Digest of a list of deletes that a person has read. With nothing else that says what is to run, the Rollout that
    waits for it goes on."""

    @model_validator(mode="after")
    def _one_of(self) -> RolloutNew:
        if self.release is not None and self.commit is not None:
            raise ValueError("release and commit say the same thing; keep one")
        if self.rollback and self.release is None:
            raise ValueError("a rollback names the release that it goes back to")
        return self

    @property
    def goes_on(self) -> bool:
        """Whether it only confirms what is asked for already."""
        named = (self.release, self.commit, self.settings) != (None, None, None)
        return bool(self.confirmed_prune) and not named and not self.restart


class ComponentSettings(Wish):
    replicas: Annotated[StrictInt, Field(json_schema_extra={"minimum": 0, "maximum": 500})] | None = None
    """Null: as app.yaml says."""


class SettingsChange(Wish):
    """What changes; all else stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"components": {"web": {"replicas": 3}}},
                {"env": {"SITE_NAME": "Harbour"}, "configs": {"site": {"nginx.conf": "worker_processes 2;"}}},
            ]
        }
    )
    components: Annotated[dict[Name, ComponentSettings], Field(max_length=100)] = {}
    env: Annotated[
        dict[VariableName, Annotated[str, StringConstraints(max_length=32768)] | None], Field(max_length=500)
    ] = {}
    """Variables that app.yaml calls `required`; null empties one."""
    configs: Annotated[
        dict[Name, Annotated[dict[Key, Annotated[str, StringConstraints(max_length=262144)] | None],
                             Field(max_length=100)] | None],
        Field(max_length=100),
    ] = {}  # fmt: skip
    """Config map → key → text, for files with `config`; null takes a key or a config map away."""
    dry_run: StrictBool = False
    """Answer what would be written, and write nothing."""


class ExecNew(Wish):
    model_config = ConfigDict(json_schema_extra={"examples": [{"component": "web", "command": ["sh"], "tty": True}]})
    component: Name | None = None
    pod: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")] | None = None
    """Default: a ready pod of the component, or of the only component."""
    container: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] | None = None
    command: Annotated[
        list[Annotated[str, StringConstraints(max_length=4096)]], Field(min_length=1, max_length=100)
    ] = ["sh"]
    tty: StrictBool = False
    stdin: StrictBool = True


FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class Validate(Wish):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"app_yaml": "appname: hello\ncomponents: {web: {type: web, port: 8080}}\n", "app": "hello"}]
        }
    )
    app_yaml: Annotated[str, StringConstraints(max_length=262144)]
    file: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "app.yaml"
    """The path that problems are told with."""
    product_line: Name | None = None
    """Check it also against this product line's cluster, pools and secrets."""
    app: Name | None = None
    """Check it also with this App's Settings."""
    files: dict[FilePath, Base64] | None = None
    """What `files[].source` names: path from the folder of app.yaml → content in base64. null: they are not checked,
    and a warning says so; else what is not here does not exist."""


class BuildContext(Wish):
    """The folder that an image is built from, as git would push it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tree": "0f" * 32, "names": ["Dockerfile"]}]})
    tree: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 over one line for each file but app.yaml, in the order of paths: mode in octal, a space, git's id, a
    space, the length in bytes of the path from the folder, a space, that path, a zero byte."""
    names: Annotated[list[Annotated[str, StringConstraints(max_length=1024)]], Field(max_length=2000)]
    """The Dockerfile, when it is there; else what lies at the top of the folder."""


class DiffAsk(Wish):
    """What a push of this app.yaml would write."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"app_yaml": "appname: shop\ncomponents: {web: {type: web, port: 8080}}\n"}]}
    )
    app_yaml: Annotated[str, StringConstraints(max_length=262144)]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The commit that it will be. Default: one of zeros, so that only the changed components show a new commit."""
    branch: Annotated[str, StringConstraints(min_length=1, max_length=244)] | None = None
    product_line: Name | None = None
    """Where the App would be made when there is none of this name yet."""
    context: BuildContext | None = None
    """Of a commit that was not pushed yet. Without it an image that would be built counts as new."""
    files: dict[FilePath, Base64] = {}
    """What `files[].source` names: path from the folder of app.yaml → content in base64. What is not here does not
    exist."""
