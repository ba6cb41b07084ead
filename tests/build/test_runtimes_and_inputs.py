"""Default Dockerfiles, and when two builds are the same."""

from __future__ import annotations

import pytest

from mcd.build import dockerfile
from mcd.build.inputs import digest
from mcd.build.runtimes import default_dockerfile
from mcd.errors import McdError


def test_a_python_app_installs_its_requirements_before_its_sources() -> None:
    text = default_dockerfile("python3.11", ["app.py", "requirements.txt"])
    assert text.splitlines() == [
        "FROM mcd/python3.11",
        "WORKDIR /app",
        "COPY requirements.txt ./",
        "RUN pip install -r requirements.txt",
        "COPY . .",
        "USER 10001",
        'CMD ["python", "app.py"]',
    ]


def test_a_python_app_without_requirements_installs_nothing() -> None:
    assert "RUN" not in default_dockerfile("python", ["main.py"])


def test_a_node_app_with_a_lock_installs_exactly_that() -> None:
    assert "npm ci" in default_dockerfile("node", ["package.json", "package-lock.json"])
    assert "npm install" in default_dockerfile("node", ["package.json"])
    assert 'CMD ["node", "server.js"]' in default_dockerfile("node", ["server.js"])


def test_static_files_are_served_from_public_when_there_is_one() -> None:
    assert "COPY public /www" in default_dockerfile("static", ["public", "README.md"])
    assert "COPY . /www" in default_dockerfile("static", ["index.html"])


def test_nothing_to_start_is_refused_unless_every_component_has_a_command() -> None:
    with pytest.raises(McdError, match="there is nothing to start"):
        default_dockerfile("python", ["README.md"])
    assert "CMD" not in default_dockerfile("python", ["README.md"], needs_command=False)


@pytest.mark.parametrize("runtime", ["python", "node", "static"])
def test_every_default_is_a_dockerfile_that_we_read_and_runs_as_our_user(runtime: str) -> None:
    text = default_dockerfile(runtime, ["app.py", "index.js", "package.json", "requirements.txt"])
    assert dockerfile.uses(dockerfile.stages(dockerfile.read(text), {}))
    assert "USER 10001" in text


def test_the_commit_does_not_make_another_build() -> None:
    same = digest("t", "Dockerfile", args={"MCD_COMMIT": "1", "A": "x"})
    assert (
        same
        == digest("t", "Dockerfile", args={"A": "x", "MCD_COMMIT": "2"})
        == digest("t", "Dockerfile", args={"A": "x"})
    )


def test_everything_else_does() -> None:
    all_of_them = [
        digest("t", "D"),
        digest("u", "D"),
        digest("t", "E"),
        digest("t", "D", "x"),
        digest("t", "D", args={"A": "1"}),
        digest("t", "D", args={"A": "2"}),
        digest("t", "D", extra=["make"]),
        digest("t", "D", extra=["linux/arm64"]),
        digest("tD", ""),
        digest("t", "D", args={"A": "1", "B": ""}),
    ]
    assert len(set(all_of_them)) == len(all_of_them)
    assert digest("t", "D") == "sha256:" + digest("t", "D")[7:]
