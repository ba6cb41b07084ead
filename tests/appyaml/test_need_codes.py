"""The code of each problem about needs and variables: texts may get better, codes never change (app-yaml 2.4)."""

from __future__ import annotations

import pytest

from tests.appyaml.cases_on_disk import CASES, Case

CODES: dict[str, dict[str, str]] = {
    "infra-wrong": {
        "env.reserved": "mcd kubernetes-db queue.env_prefix",
        "name.invalid": "mysql- 2nd",
        "schema.not_for_type": "cache.database elasticsearch.database",
        "schema.type": "redis kafka etcd clickhouse.ha",
        "schema.unknown_key": "clickhouse.surprise",
        "value.choice": "oss.access clickhouse.isolation what.type oracle-database",
        "value.format": "nats oss.bucket oss.plan mariadb.database mariadb.version mariadb.env_prefix "
        "clickhouse.bucket",
        "value.null": "cache.params.a cache.params.b[0]",
    },
    "app-dep-wrong": {
        "env.reserved": "mail.as maps.as kubernetes",
        "name.invalid": "Front a math.as math.component math.port",
        "ref.unknown": "hello batch.component front.component files.port bare.component gone",
        "schema.type": "ab ac ad maps.optional zoo.as",
    },
    "env-sources-wrong": {
        "exclusive": "A.generate E.secret E.required",
        "ref.unknown": "I.from J.from",
        "schema.missing": "B.generate G.value K.generate",
        "schema.type": "F.required",
        "value.choice": "L.generate",
        "value.format": "C.from D.from",
        "value.range": "H.length",
    },
    "infra-collision-with-an-earlier-app": {"env.collision": "mysql other"},
    "infra-unknown-stands-for-the-nearest": {"ref.unknown": "NO.from", "value.choice": "memcach"},
    "env-shadows": {"env.shadows": "MYSQL_HOST USER_CENTER_PORT REGION MYSQL_USER MYSQL_PASSWORD"},
    "env-required": {"env.required": "SITE_NAME EMPTY REGION"},
    "app-dep-absent": {"app_dep.absent": "gone"},
}
"""Case → code → the fields of its problems, without `infra.`, `app_dep.` and `env.`."""

ROOMS = ("infra.", "app_dep.", "components.worker.env.", "components.web.env.", "env.")


@pytest.mark.parametrize("name", CODES)
def test_a_problem_has_its_code(name: str) -> None:
    found: dict[str, list[str]] = {}
    for problem in Case(CASES / name).compile().problems:
        room = next(room for room in ROOMS if problem.field.startswith(room))
        found.setdefault(problem.code, []).append(problem.field.removeprefix(room))
    assert {code: " ".join(fields) for code, fields in found.items()} == CODES[name]
