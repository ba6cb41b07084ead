"""What app.yaml may say at its top (app-yaml 3.1): every key with its type, default, limits, meaning and effect.

The reader, `mcd explain` and `mcd schema` are made from this class. It must not compare keys with one another
and fill no default that depends on something else (resolve/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.alert import ALERTS, Alert
from mcd.appyaml.schema.app_dep import APP_DEP, AppDep
from mcd.appyaml.schema.build import Build
from mcd.appyaml.schema.component import COMPONENT, Component, read_components
from mcd.appyaml.schema.defaults import (
    FAMILIES,
)
from mcd.appyaml.schema.deploy import Deploy
from mcd.appyaml.schema.environments import DIFFERS, ENVIRONMENTS
from mcd.appyaml.schema.fields import either, items, key, model
from mcd.appyaml.schema.files import FILES, File
from mcd.appyaml.schema.infra import INFRA, Infra
from mcd.appyaml.schema.pre import PRE, Pre
from mcd.appyaml.schema.shapes import (
    LINE_NAME,
    NAME,
    VERSION,
    check_component_name,
)
from mcd.appyaml.schema.storage import PERMDIR, Permdir
from mcd.appyaml.schema.values import text
from mcd.appyaml.schema.variable import ENV, Variable

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_RUNTIME = re.compile(rf"(?:{'|'.join(FAMILIES)})(?:[0-9]{{1,4}}(?:\.[0-9]{{1,4}}){{0,2}})?")


@record
class App:
    """app.yaml itself."""

    appname: str = key(
        NAME,
        "The App's name, unique in the platform.",
        required="Write appname: and a name.",
        limits="2 to 40 characters, a-z 0-9 and -",
        effect="names and labels",
        example="shop",
    )
    components: Mapping[str, Component] = key(
        either(
            "mapping of mapping",
            read_components,
            [
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 100,
                    **patterns.names(check_component_name),
                    "additionalProperties": {"$ref": "#/$defs/Component"},
                }
            ],
            Component,
            inner=COMPONENT,
        ),
        "The programs by name.",
        required="Write components: and at least one.",
        limits="1 to 100; names of at most 30 characters",
        effect="everything",
        example="{web: {type: web}}",
    )
    version: int = key(
        VERSION,
        "Version of this format.",
        value=1,
        limits="only 1",
        effect="picks the schema",
        example="1",
    )
    description: str = key(
        text(longest=200),
        "What the App is for.",
        value="",
        limits="200 characters",
        effect="annotation mcd.internal/description",
        example="The shop",
    )
    owners: tuple[str, ...] = key(
        items(text(shape=_OWNER, what="a user name", hint="Use letters, digits and . _ @ -."), most=20),
        "User names; they get the alerts.",
        value=(),
        limits="20",
        effect="label owners of every alert rule",
        example="[alice]",
    )
    runtime: str = key(
        text(
            shape=_RUNTIME,
            what="a runtime",
            hint=f"Use one of {', '.join(FAMILIES)}, with a version if you like (python3.11).",
        ),
        "Base image of a build without Dockerfile.",
        value="",
        limits=", ".join(FAMILIES),
        effect="the build",
        example="python3.11",
    )
    product_line: str = key(
        LINE_NAME,
        "A hint, used offline only.",
        value="",
        limits="2 to 40 characters, a-z 0-9 and -; not default, mcd, mcd-*, kube-*",
        effect="warned when it is another one",
        example="demo",
    )
    build: Build = key(
        model(Build),
        "How the image is made. Not needed when every component names its image.",
        value=Build,
        effect="the build",
        example="{context: src}",
    )
    env: Mapping[str, Variable] = key(
        ENV,
        "Variables of all components.",
        value=dict,
        limits="500 variables of 32 KiB",
        effect="containers[0].env",
        example="{LANG: C.UTF-8}",
    )
    deploy: Deploy = key(
        model(Deploy),
        "Which pushes deploy.",
        value=Deploy,
        effect="none on Kubernetes: read at the pushed commit",
        example="{branch: main, paths: [src/**]}",
    )
    infra: Mapping[str, Infra] = key(
        INFRA,
        "Databases and other needs. true means: as the kind does by itself; a text is the version.",
        value=dict,
        limits="names of at most 20 characters",
        effect="Claims; variables of all components",
        example='{mysql: "8.0"}',
    )
    app_dep: Mapping[str, AppDep] = key(
        APP_DEP,
        "Other Apps that this one calls.",
        value=dict,
        effect="variables of all components; NetworkPolicy <app>-egress",
        example="{user-center: true}",
    )
    files: Mapping[str, File] = key(
        FILES,
        "Files in the containers of all components, by absolute path. A text is the content.",
        value=dict,
        limits="512 KiB each, 900 KiB of a component",
        effect="volume files",
        example='{/etc/shop/main.conf: "level=info\\n"}',
    )
    permdir: Permdir | None = key(
        PERMDIR,
        "A directory that survives deploys and is shared by all components. A path is where it is mounted.",
        default="false",
        effect="PersistentVolumeClaim <app>-permdir",
        example="true",
    )
    alerts: tuple[Alert, ...] = key(
        ALERTS,
        "Alerts of the App's own, and what is changed of the built-in ones.",
        value=(),
        limits="100; names are unique",
        effect="PrometheusRule; ConfigMap <app>-log-rules",
        example="[{name: hot, when: cpu > 80%}, {builtin: Slow, threshold: 2}]",
    )
    pre: Pre | None = key(
        PRE,
        "Pre-release environments: copies that a branch gets for some days. false: there are none.",
        value=Pre,
        effect="a Pre App",
        example="{domain: per_branch, ttl: 24h}",
    )
    environments: tuple[str, ...] = key(
        ENVIRONMENTS,
        "What differs in a product line, by its name or a glob: mappings are merged key by key, lists and texts "
        "replace, null removes. Globs apply in the order written, the exact name last.",
        value=(),
        limits=f"only {', '.join(DIFFERS)}",
        effect="merged before anything is rendered",
        example="{site-*: {env: {LEVEL: info}}}",
    )
