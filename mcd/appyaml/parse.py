"""Text → AppFile, with every Problem of its form at once: the reader, the aliases, then the shape.

Steps a to c of app-yaml 4.1. It must not know a product line, a cluster or a repository.
"""

from __future__ import annotations

from mcd.appyaml.record import record
from mcd.appyaml.schema.aliases import translate
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.environments import check_environments
from mcd.appyaml.schema.fields import BAD, keys_of, read_model
from mcd.appyaml.text.nodes import Map
from mcd.appyaml.text.problems import Report, all_of
from mcd.appyaml.text.reader import decode, read
from mcd.errors import Problem, echo, has_errors, in_order


@record
class AppFile:
    """An app.yaml as it was read: what it says, and where each thing was said."""

    file: str
    source: str
    root: Map
    app: App


@record
class Checked:
    """The answer of `check`. `app_file` is there when the text is a mapping, even beside errors, so that the rest of
    its problems can be found too; `ok` says whether it may be used."""

    app_file: AppFile | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return self.app_file is not None and not has_errors(self.problems)


def check(text: bytes | str, file: str) -> Checked:
    """Reads app.yaml. `file` is the path for the messages."""
    report = Report(file)
    source = decode(text, report)
    root = read(source, report) if source is not None else None
    if source is None or root is None:
        return Checked(None, in_order(report.found))
    if type(root) is not Map:
        shape = "a list" if not hasattr(root, "text") else f'"{echo(getattr(root, "text", ""))}"'
        report.refuse("schema.type", (1, 1), (), f"{shape} is the whole file.", "Write keys: appname and components.")
        return Checked(None, in_order(report.found))
    if "appname" not in root.entries and _is_foreign(report, root):
        return Checked(None, in_order(report.found))
    root = translate(root, report)
    if "environments" in root.entries:
        check_environments(report, root, keys_of(App))
    app_file, problems = read_app(file, source, root)
    return Checked(app_file, all_of(report.found, problems))


def _is_foreign(report: Report, root: Map) -> bool:
    """Whether it is a file of another system, which is then told."""
    from mcd.appyaml.schema.foreign import foreign  # only a file without a name is looked at

    found = foreign(root)
    if found is not None:
        word, place, message, hint = found
        report.refuse("schema.type", place, (word,), message, hint)
    return found is not None


def read_app(file: str, source: str, root: Map) -> tuple[AppFile, tuple[Problem, ...]]:
    """The shape of a whole tree: of the file itself, or of what an environment makes of it."""
    report = Report(file)
    app = read_model(report, root, (), App, fallback={"appname": "app", "components": {}})
    assert app is not BAD
    return AppFile(file, source, root, app), tuple(report.found)
