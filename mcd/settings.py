"""MCD_* environment: meaning, unit and default of each setting, beside it.

Read once, at the edge, and passed on as values. docs/reference/settings.md is generated from this file.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ADDRESS = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(0|[1-9][0-9]{0,4})")
_REGISTRY = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


class Environment(BaseSettings):
    """Everything that an installation may set. An unknown MCD_ variable is not an error, because the command and the
    local cluster have their own."""

    model_config = SettingsConfigDict(env_prefix="MCD_", extra="ignore", frozen=True)

    data: Path = Field(
        default_factory=lambda: user_data_path("mcd"),
        description="Folder of this installation: SQLite database, git repositories, key ring, storage of the builder.",
    )
    database_url: str = Field(
        default="",
        description="Where wishes and what was seen are kept: `sqlite:///PATH` or `postgresql://…`. Empty: "
        "`mcd.db` in MCD_DATA. Several processes need PostgreSQL.",
    )
    listen: str = Field(
        default="127.0.0.1:7070",
        description="Address and port of the API. Port 0 takes a free one.",
    )
    metrics_listen: str = Field(
        default="",
        description="Address and port at which `mcd serve controllers` answers /livez and /metrics. Empty: nowhere. "
        "A process that serves the API answers them at MCD_LISTEN.",
    )
    public_url: str = Field(
        default="",
        description="How people and git reach the API. Empty: `http://` and MCD_LISTEN.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks, separated by spaces, of the gateways and proxies that pass requests on to "
        "the API. Of them alone X-Forwarded-For says who asks; behind a proxy that is not named, everybody counts as "
        "one address when requests and failed sign-ins are limited. Whoever is named can choose an address, so name "
        "nothing but your proxies. Empty: nobody is trusted.",
    )
    gateway_port: int = Field(
        default=80,
        ge=1,
        le=65535,
        description="Port at which the gateway of the clusters answers, for the URLs that are shown to people.",
    )
    secret_keys_file: Path | None = Field(
        default=None,
        description="The key ring for secrets at rest, a JSON file. Empty: `keys.json` in MCD_DATA. It is made by "
        "`mcd admin migrate` and must be backed up apart from the database.",
    )
    registry: str = Field(
        default="",
        description="The platform's registry, `host:port` or `host/path`: built images are pushed to it, and an "
        "`image:` of it is pinned to a digest. Empty: `build:` is refused.",
    )
    builder: Literal["none", "buildah"] = Field(
        default="none",
        description="How `build:` is carried out: `buildah` on this machine, or `none`: refused with what to set.",
    )
    build_timeout: Annotated[float, Field(gt=0, description="Seconds that one build may take, push included.")] = 900.0
    build_image_limit: Annotated[int, Field(gt=0, description="MiB that a built image may have.")] = 4096
    build_registries: str = Field(
        default="",
        description="Registries besides MCD_REGISTRY whose images a Dockerfile may name, `host` or `host:port`, "
        "separated by spaces. They must let everybody read. Empty: none.",
    )
    forge_folder: Path | None = Field(
        default=None,
        description="A folder of bare git repositories that Apps may be bound to as `file:NAME`. Empty: none.",
    )
    push_limit: Annotated[int, Field(gt=0, description="MiB that one git push may have.")] = 200
    cluster_tokens: Path | None = Field(
        default=None,
        description="A folder with one file per cluster, named like the cluster, that holds the token to use instead "
        "of the stored one. Read again before each pass, so that short-lived tokens work.",
    )
    api_account: str = Field(
        default="",
        pattern=r"^([a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)?$",
        description="ServiceAccount that the API's processes use in a cluster, beside the controllers' own: product "
        "lines let it see which Secrets there are and open shells, and nothing else. The chart sets it. Empty: API and "
        "controllers use one credential.",
    )
    lease: Annotated[
        float, Field(ge=2, description="Seconds after which the work of a dead controller is taken over.")
    ] = 15.0
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="Passes that one process works on at the same time. While there are others, no product line "
            "and no cluster has more than three quarters of them.",
        ),
    ] = 16
    resync: Annotated[
        float,
        Field(
            ge=1,
            description="Seconds after which what is as it should be is compared again with what its cluster shows, "
            "though nobody told of a change.",
        ),
    ] = 600.0
    holder: str = Field(
        default="",
        description="Name of this process in leases and logs, never borne by two at a time. A process that is started "
        "again under its name goes on at once with what the one before it held. Empty: host name and process id.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe log line that is written."
    )
    session_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Key that signs session cookies. Empty: derived from the key ring; its newest key signs, all of "
        "them are good.",
    )

    @field_validator("listen", "metrics_listen")
    @classmethod
    def _listen(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name == "metrics_listen":
            return value
        found = _ADDRESS.fullmatch(value)
        if found is None:
            # Not as it stands: a terminal would carry out what is in it.
            raise ValueError(f"{value[:80]!a} is not an address. Write HOST:PORT, for example 127.0.0.1:7070.")
        if int(found[2]) > 65535:
            raise ValueError(f"{found[2]} is not a port. Use 1 to 65535, or 0 for a free one.")
        return value

    @field_validator("build_registries")
    @classmethod
    def _build_registries(cls, value: str) -> str:
        for host in value.split():
            if not _REGISTRY.fullmatch(host):
                raise ValueError(
                    f'"{host}" is not a registry. Write host or host:port, for example registry.example.com.'
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _trusted_proxies(cls, value: str) -> str:
        for text in value.split():
            try:
                network = ip_network(text)
            except ValueError:
                raise ValueError(
                    f"{text[:80]!a} is neither an address nor a network. Write 10.0.0.7 or 10.0.0.0/24, "
                    "several separated by spaces."
                ) from None
            if not network.prefixlen:
                raise ValueError(f"{text} is everybody, who could then choose any address. Name your proxies only.")
        return value

    @property
    def proxies(self) -> tuple[str, ...]:
        """The addresses and networks whose X-Forwarded-For is believed."""
        return tuple(self.trusted_proxies.split())

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.data / 'mcd.db'}"

    @property
    def url(self) -> str:
        """The public URL without a final slash, the default filled in."""
        return (self.public_url or f"http://{self.listen}").rstrip("/")

    @property
    def keys_file(self) -> Path:
        return self.secret_keys_file or self.data / "keys.json"

    @property
    def repositories(self) -> Path:
        """The folder of the bare repositories that MCD itself serves."""
        return self.data / "git"
