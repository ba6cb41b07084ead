"""The case folders: what is in them, and how one is compiled. Each is a rule of app-yaml.md by its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mcd.appyaml.compiler import Compiled, Source, check, compile_app, render_line, source_paths
from mcd.appyaml.context import NO_CONTEXT, Context, read_context
from mcd.cli.beside import files_beside
from mcd.infra.catalog import KINDS
from mcd.objects import Object, to_yaml

COMMIT = "3f2c1a9d5e8b7c6a4f0e1d2c3b4a59687f6e5d4c"
CASES = Path(__file__).parent / "cases"
CONTEXT_OF_THE_PAGE = Path(__file__).parent / "page" / "context.yaml"


@dataclass(frozen=True)
class Case:
    """A folder: app.yaml, context.yaml if needed, `arguments.txt` with switches of render if needed."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def text(self) -> bytes:
        return (self.folder / "app.yaml").read_bytes()

    @property
    def arguments(self) -> dict[str, str]:
        file = self.folder / "arguments.txt"
        words = file.read_text().split() if file.exists() else []
        return {word: value for word, _, value in (w.partition("=") for w in words)}

    def context(self) -> Context:
        file = self.folder / "context.yaml"
        context = NO_CONTEXT
        if "--page-context" in self.arguments:
            file = CONTEXT_OF_THE_PAGE
        if file.exists():
            found, problems = read_context(file.read_bytes(), "context.yaml")
            assert found is not None, [str(p) for p in problems]
            context = found
        return replace(context, environment=self.arguments.get("--environment", ""), kinds=KINDS)

    def compile(self, text: bytes | None = None) -> Compiled:
        words = self.arguments
        checked = check(self.text if text is None else text, "app.yaml")
        files = files_beside(str(self.folder / "app.yaml"), source_paths(checked))
        source = Source(
            COMMIT, words.get("--branch", ""), words.get("--tag", ""), words.get("--image", ""), files=files
        )
        return compile_app(checked, self.context(), source)

    def objects(self) -> list[Object]:
        compiled = self.compile()
        if not compiled.ok:
            return []
        line: list[Object] = []
        if "--line" in self.arguments:
            line = render_line(self.context(), check(self.text, "app.yaml").app_file)
        return [*line, *compiled.objects]

    def problems(self) -> str:
        return "".join(f"{problem}\n" for problem in self.compile().problems)

    def rendered(self) -> str:
        objects = self.objects()
        return to_yaml(objects) if objects else ""


def all_cases() -> list[Case]:
    return [Case(folder) for folder in sorted(CASES.iterdir()) if folder.is_dir()]
