"""docs/architecture.md and its neighbours: what they say of the rooms is so."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SERVER = ("mcd.api", "mcd.build", "mcd.controllers", "mcd.forge", "mcd.kube", "mcd.runtime", "mcd.store")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_what_the_command_takes_from_the_server_is_what_its_row_names() -> None:
    """Whatever else it took would come with every call of `mcd`."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `cli/` |")]
    named = {f"mcd.{path.replace('/', '.')}" for path in re.findall(r"`([a-z]+/[a-z]+)\.py`", row)}
    taken = {
        module
        for file in (ROOT / "mcd" / "cli").rglob("*.py")
        if file.name not in ("serve.py", "admin.py")
        for module in imported(file)
        if module.startswith(SERVER)
    }
    assert "serve.py" in row
    assert "admin.py" in row
    assert taken == named


def test_every_file_that_the_page_names_is_there() -> None:
    """A path with a folder, as `kube/decision.py` or `store/reads/`."""
    named = set(re.findall(r"`((?:appyaml|kube|store|forge|build|controllers|api|cli|infra)/[\w/.]*)`", PAGE))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / "mcd" / path).exists()] == []


def test_the_contracts_are_as_many_as_is_said() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    count = len(project["tool"]["importlinter"]["contracts"])
    decided = (ROOT / "docs" / "adr" / "0001-rooms-and-import-contracts.md").read_text(encoding="utf-8")
    for page in (PAGE, decided):
        (word,) = re.findall(r"(\w+) (?:import-linter )?contracts in\s+`pyproject.toml`", page)
        assert {"eleven": 11, "twelve": 12, "thirteen": 13}[word] == count


def test_every_room_has_a_row() -> None:
    rooms = {path.name for path in (ROOT / "mcd").iterdir() if (path / "__init__.py").exists()}
    table = PAGE[PAGE.index("## The rooms") : PAGE.index("## One push")]
    assert [room for room in sorted(rooms) if f"`{room}/`" not in table] == []


def test_a_heading_of_any_page_stands_by_itself() -> None:
    """Some viewers show one that follows a line as part of that paragraph."""
    glued = []
    for page in sorted((ROOT / "docs").rglob("*.md")):
        prose = re.sub(r"^```.*?^```$", "```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        glued += [f"{page.name}: {found}" for found in re.findall(r"(?<!\n)\n(##+ .*)", prose)]
    assert glued == []
