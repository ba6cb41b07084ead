"""docs/how-to/install.md is typed by the acceptance as it stands, whole, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mcd.store.server_quick import MOST
from mcd.store.session import POOL
from tests.acceptance.medicine_stage import PAGE
from tests.servers.helm import refused

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / PAGE).read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]}
DEFAULT_CONNECTIONS = 97
"""PostgreSQL's own max_connections, 100, without the three that it keeps for superusers."""
BLOCKS = [
    (name, block) for name, part in SECTIONS.items() for block in re.findall(r"^```sh\n(.*?)^```$", part, re.M | re.S)
]


def test_every_command_is_typed_by_the_acceptance() -> None:
    typed = {
        heading
        for file in ("medicine.py", "medicine_upgrade.py")
        for heading in re.findall(r'\.type\("([^"]+)"', (ROOT / "tests" / "acceptance" / file).read_text())
    }
    assert typed == {name for name, block in BLOCKS if not _only_exports(block)}


def _only_exports(block: str) -> bool:
    """What the reader is asked to say once, which the acceptance says in its own way."""
    return all(line.startswith("export ") for line in block.strip().splitlines())


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BLOCKS)])
def test_every_block_is_a_script(name: str, block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    used = set(re.findall(r"\$\{?([A-Z_]+)", block))
    said = set(re.findall(r"([A-Z_]+)=", SECTIONS["What it needs"]))
    assert used <= said, f"{name}: {used - said} is not said before"


def test_what_helm_says_of_a_wrong_value_is_what_the_page_says() -> None:
    said = refused({"api": {"replicas": -1}})
    (line,) = re.findall(r"^```\n(- at .*)\n```$", TEXT, re.M)
    assert line in said


def test_the_chart_as_it_is_fits_into_postgresql_as_it_is() -> None:
    values = yaml.safe_load((ROOT / "charts" / "mcd" / "values.yaml").read_text("utf-8"))
    api, controllers = POOL + MOST + 2, POOL + 1
    needed = 2 * (api * values["api"]["replicas"] + controllers * values["controllers"]["replicas"]) + 1
    assert needed <= DEFAULT_CONNECTIONS
    page = " ".join(TEXT.split())
    for said in (
        f"of the API opens at the most {api}, one of the controllers {controllers},",
        f"{2 * api} × `api.replicas` + {2 * controllers} × `controllers.replicas` + 1",
        f"with the chart's values {needed},",
        f"leaves {DEFAULT_CONNECTIONS} to users",
        f"Room for {needed} connections",
    ):
        assert said in page
    slow = (ROOT / "docs" / "runbooks" / "McdDatabaseSlow.md").read_text("utf-8")
    assert f"one of the {POOL} connections" in slow
    assert f"{controllers} of the controllers, {api - 1} or {api} of the API" in slow


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, place = target.partition("#")
        path = (ROOT / PAGE).parent / file if file else ROOT / PAGE
        assert path.exists(), target
        headings = {
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in path.read_text().splitlines()
            if line.startswith("#")
        }
        assert not place or place in headings, target
