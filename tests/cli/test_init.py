"""`mcd init`: what it finds, what it writes, and that it never overwrites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcd.cli.init import languages_of, name_from
from mcd.cli.languages import NODE_PROGRAMS, RECIPES, Language, go, node, python, static
from tests.cli.conftest import Mcd


@pytest.mark.parametrize(
    ("files", "language"),
    [
        (["go.mod", "main.go"], Language.GO), (["package.json"], Language.NODE),
        (["requirements.txt"], Language.PYTHON),
        (["tool.py"], Language.PYTHON), (["index.html"], Language.STATIC),
        (["package.json", "index.html"], Language.NODE),
        (["public/index.html"], Language.STATIC), (["README.md"], None),
        (["server.js"], Language.NODE), (["main.js"], Language.NODE), (["server.js", "index.html"], Language.NODE),
        (["main.js", "index.html"], Language.STATIC), (["app.py", "app.js"], Language.PYTHON),
    ],
)  # fmt: skip
def test_the_language_is_named_by_its_files(tmp_path: Path, files: list[str], language: Language | None) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("")
    assert languages_of(tmp_path) == (language, [])


@pytest.mark.parametrize("language", list(Language))
def test_an_empty_folder_gets_a_program_that_is_found_again(mcd: Mcd, tmp_path: Path, language: Language) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    told = mcd("init", "--language", language.value, cwd=folder)
    assert told.code == 0, told.err
    assert "appname: my-shop\n" in (folder / "app.yaml").read_text()
    assert languages_of(folder)[0] is language
    assert sorted(told.out.split()) == sorted(p.name for p in folder.iterdir())
    assert RECIPES[language](folder, 8080).program == {}
    told = mcd("validate", cwd=folder)
    assert (told.code, told.out) == (0, ""), "what init wrote is not accepted by validate"


def test_what_exists_is_kept_and_an_app_yaml_stops_it(mcd: Mcd, tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text("1")
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nEXPOSE 3000/tcp\n")
    assert mcd("init", cwd=tmp_path).code == 0
    assert (tmp_path / "Dockerfile").read_text() == "FROM scratch\nEXPOSE 3000/tcp\n"
    assert "port: 3000" in (tmp_path / "app.yaml").read_text()
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    told = mcd("init", cwd=tmp_path)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert before == {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}


def test_a_dangling_link_is_not_written_through(mcd: Mcd, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("")
    (folder / "Dockerfile").symlink_to(tmp_path / "elsewhere")
    told = mcd("init", cwd=folder)
    assert told.code == 2
    assert not (tmp_path / "elsewhere").exists()
    assert not (folder / "app.yaml").exists(), "half was written"


def test_nothing_found_is_a_refusal_that_names_the_flag(mcd: Mcd) -> None:
    told = mcd("init")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "--language" in told.err


def test_the_schema_line_is_there_only_when_the_schema_is(mcd: Mcd, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    mcd("init", cwd=tmp_path)
    assert "yaml-language-server" not in (tmp_path / "app.yaml").read_text()
    (tmp_path / "app.yaml").unlink()
    (tmp_path / "app.schema.json").write_text("{}")
    mcd("init", cwd=tmp_path)
    assert (tmp_path / "app.yaml").read_text().startswith("# yaml-language-server: $schema=app.schema.json\n")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Shop_2", "shop-2"),
        ("--", "my-app"),
        ("2nd", "nd"),
        ("mcd", "my-app"),
        ("kube-x", "my-app"),
        ("商店", "my-app"),
        ("a" * 60, "a" * 40),
    ],
)
def test_the_folder_gives_a_name_that_an_app_may_have(tmp_path: Path, folder: str, name: str) -> None:
    assert name_from(tmp_path / folder) == name


@pytest.mark.parametrize("name", ["", "A", "a", "a--b", "-a", "a-", "mcd", "mcd-x", "kube-x", "a" * 41, "a\nb"])
def test_a_name_that_no_app_may_have_is_refused(mcd: Mcd, tmp_path: Path, name: str) -> None:
    (tmp_path / "main.py").write_text("")
    told = mcd("init", "--name", name, cwd=tmp_path)
    if name:
        assert (told.code, (tmp_path / "app.yaml").exists()) == (2, False)


def test_python_is_started_as_its_requirements_say(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("")
    assert 'CMD ["python3", "app.py"]' in python(tmp_path, 8080).dockerfile
    (tmp_path / "requirements.txt").write_text("fastapi\nuvicorn[standard]\n")
    text = python(tmp_path, 9000).dockerfile
    assert text.startswith("FROM mcd/python3.11\n")
    assert "pip install --no-cache-dir -r requirements.txt" in text
    assert 'CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "9000"]' in text


def test_node_is_built_and_started_as_its_package_says(tmp_path: Path) -> None:
    package = {"scripts": {"build": "vite build", "start": "node dist/server.js"}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    (tmp_path / "package-lock.json").write_text("{}")
    text = node(tmp_path, 8080).dockerfile
    assert "RUN npm ci --include=dev" in text
    assert 'CMD ["node", "dist/server.js"]' in text
    for broken in ("[]", "{", '{"scripts": 3, "main": []}'):
        (tmp_path / "package.json").write_text(broken)
        assert 'CMD ["node", "server.js"]' in node(tmp_path, 8080).dockerfile


def test_a_server_js_alone_is_started_and_nothing_is_written_beside_it(mcd: Mcd, tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text("1")
    told = mcd("init", cwd=tmp_path)
    assert told.code == 0, told.err
    assert sorted(told.out.split()) == [".dockerignore", "Dockerfile", "app.yaml"]
    text = (tmp_path / "Dockerfile").read_text()
    assert "npm" not in text
    assert text.endswith('CMD ["node", "server.js"]\n')


def test_init_and_the_builder_start_the_same_files_of_node() -> None:
    from mcd.build.runtimes import _NODE_MAIN

    assert NODE_PROGRAMS == _NODE_MAIN


def test_go_builds_the_main_package_with_the_version_of_go_mod(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n\ngo 1.24.1\n")
    (tmp_path / "cmd" / "shop").mkdir(parents=True)
    (tmp_path / "cmd" / "shop" / "main.go").write_text("")
    text = go(tmp_path, 8080).dockerfile
    assert "FROM golang:1.24 AS build" in text
    assert "-o /out/app ./cmd/shop" in text


def test_bases_are_those_that_the_builder_has(tmp_path: Path) -> None:
    from mcd.build.images import BASES

    for recipe in (python(tmp_path, 8080), node(tmp_path, 8080), static(tmp_path, 8080)):
        assert recipe.dockerfile.splitlines()[0].removeprefix("FROM mcd/") in BASES


def test_the_first_python_program_answers_and_ends_when_it_is_told(tmp_path: Path) -> None:
    import http.client
    import os
    import signal
    import subprocess
    import sys
    import time

    from tests.servers.registry import free_port

    recipe, port = python(tmp_path, 8080), free_port()
    (tmp_path / "main.py").write_text(recipe.program["main.py"])
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, env={**os.environ, "PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"Hello from MCD\n"
                connection.close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "it never listened"
                time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
