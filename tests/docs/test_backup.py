"""What the pages type to back up and restore PostgreSQL does it, and shows no password to whoever lists processes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from subprocess import run

import psycopg
import pytest

from tests.acceptance.medicine_stage import of_libpq
from tests.servers.postgres import postgres

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("how-to/operate.md", "how-to/install.md")


def typed(page: str, program: str) -> str:
    """The one line of the page that runs this program."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.M | re.S)
    (line,) = [line for block in blocks for line in block.splitlines() if re.search(rf"\b{program} ", line)]
    return re.sub(r" +#.*$", "", line)


def test_no_page_gives_a_tool_a_url_with_a_password() -> None:
    programs = r"\b(?:pg_dump|pg_dumpall|pg_restore|psql)\b.*"
    for path in DOCS.rglob("*.md"):
        for line in re.findall(programs, path.read_text("utf-8")):
            assert "DATABASE_URL" not in line.partition("`")[0], f"{path.name}: {line}"
            assert "postgresql://" not in line, f"{path.name}: {line}"


@pytest.mark.postgres
@pytest.mark.parametrize("page", PAGES)
def test_the_typed_lines_carry_a_database_over(page: str, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    with postgres() as server:
        tools = Path(f"/proc/{server.pid}/exe").resolve().parent  # of the server's own version
        full, empty = server.create(), server.create()
        with psycopg.connect(full, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('yes')")
        for program, url in (("pg_dump", full), ("pg_restore", empty)):
            own = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path), **of_libpq(url)}
            line = ["sh", "-ec", typed(page, program)]
            done = run(line, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        with psycopg.connect(empty) as connection:
            assert connection.execute("SELECT word FROM kept").fetchall() == [("yes",)]
