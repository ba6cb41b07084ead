"""The Apps that the checks push: copies of examples/, and small ones of simulated pods where many are needed.

Files only; it must not push or wait.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.acceptance.world import World

IMAGE = "registry.example.com/acceptance/nothing:1"
"""An image that only simulated nodes can run: they play pods and pull nothing."""


def hello(world: World, name: str) -> Path:
    """A repository of examples/hello under a name of ours."""
    folder = world.repository(name, world.checkout / "examples" / "hello")
    _renamed(folder, "hello", name)
    world.commit(folder, f"as {name}")
    return folder


def shop(world: World, name: str) -> Path:
    """A repository of examples/shop under a name of ours; where pods are simulated, with images instead of a build."""
    folder = world.repository(name, world.checkout / "examples" / "shop")
    _renamed(folder, "shop", name)
    text = (folder / "app.yaml").read_text()
    (folder / "app.yaml").write_text(text.replace("http://shop-", f"http://{name}-"))
    if not world.real:
        with_images(folder)
    world.commit(folder, f"as {name}")
    return folder


def with_images(folder: Path) -> None:
    """Every component by `image:`, nothing to build."""
    path = folder / "app.yaml"
    lines = [
        line
        for each in path.read_text().splitlines()
        for line in ([each, f"    image: {IMAGE}"] if each.startswith("    type:") else [each])
    ]
    path.write_text("\n".join(lines) + "\n")
    (folder / "Dockerfile").unlink(missing_ok=True)


def played(world: World, name: str, components: Iterable[str], env: str = "1", extra: str = "") -> str:
    """An app.yaml of services whose pods are played by simulated nodes. `extra`: more lines of each component."""
    pool = "    node_pool: sim\n" if world.real else ""
    parts = "".join(
        f"  {component}:\n    type: service\n    image: {IMAGE}\n    ports: {{http: 8000}}\n"
        f'    env: {{STEP: "{env}"}}\n    resources: {{cpu: 10m, memory: 16Mi}}\n{pool}{extra}'
        for component in components
    )
    return f"appname: {name}\ncomponents:\n{parts}"


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replaces a text that must be there."""
    path = folder / file
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{file} has no {old!r}")
    path.write_text(text.replace(old, new))


def emptied(folder: Path) -> None:
    """Takes every file of a work tree away, .git left."""
    for each in folder.iterdir():
        if each.name != ".git":
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def _renamed(folder: Path, old: str, name: str) -> None:
    edit(folder, "app.yaml", f"appname: {old}\n", f"appname: {name}\n")
