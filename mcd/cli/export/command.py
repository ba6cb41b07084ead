"""The command `mcd export DIR`: compiles app.yaml for a cluster without MCD and writes the folder.

Without a context the cluster is taken to have nothing but Kubernetes itself. It must not decide what stands in a file.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mcd.appyaml.compiler import Compiled, Source, render_line
from mcd.appyaml.context import ClusterFacts
from mcd.cli import problem_formats
from mcd.cli.export.contents import Exported, blanks_of, files_of
from mcd.cli.export.folder import check_folder, lacking, write_folder
from mcd.cli.export.readme import readme
from mcd.cli.offline import (
    DEFAULT_FILE,
    NO_COMMIT,
    WRONG_FILE,
    BranchOption,
    CommitOption,
    ContextFile,
    Environment,
    FileOption,
    ImageOption,
    LineSwitch,
    Strict,
    TagOption,
    compile_file,
    context_of,
    err,
    is_refused,
    out,
    say_where,
    shown_as,
    source_of,
    wrong_usage,
)
from mcd.cli.output import Form, data_text
from mcd.objects import Object


class ExportFormat(StrEnum):
    """How `export` answers."""

    TEXT = "text"
    JSON = "json"


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    file: FileOption = DEFAULT_FILE,
    context: ContextFile = None,
    image: ImageOption = "",
    commit: CommitOption = NO_COMMIT,
    branch: BranchOption = "",
    tag: TagOption = "",
    environment: Environment = None,
    line: LineSwitch = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty. What was filled in stays.")
    ] = False,
    strict: Strict = False,
    output: Annotated[ExportFormat, typer.Option("-o", "--output", help="Format of the answer.")] = ExportFormat.TEXT,
) -> None:
    """Write a folder that plain `kubectl apply -k` runs, on a cluster without MCD.

    In it: the objects one file each, kustomization.yaml, images.txt and a README.md that says what the cluster must
    have, what to fill in and in which order. Secrets are named blanks: until they are filled in kubectl stops.

    Without --context the cluster has nothing but Kubernetes itself: no Gateway API, no KEDA, no Prometheus operator.
    With one it has what that file says, for example `cluster: {gateway_api: false, ingress_class: nginx}`.

    Example: mcd export out --image registry.example.com/shop:1.2
    """  # fmt: skip
    source = source_of(commit, branch, tag, image)
    # Secrets are filled in by a person later: that none is listed says nothing. Texts of config maps are not.
    known = replace(context_of(context, environment), known=False, exported=True)
    if context is None:
        known = replace(known, cluster=_nothing_but_kubernetes(known.cluster))
    check_folder(folder, force=force)
    checked, compiled = compile_file(file, known, source)
    err(problem_formats.as_text({shown_as(file): compiled.problems}))
    say_where(context, compiled.problems)
    if is_refused(compiled.problems, strict=strict) or compiled.spec is None:
        raise typer.Exit(WRONG_FILE)
    _refuse_images_that_nobody_built(compiled, source)
    objects: list[Object] = []
    if line:
        objects += render_line(known, checked.app_file)
    exported = Exported(compiled.spec, [*objects, *compiled.objects], compiled.secrets)
    files = {**files_of(exported), "README.md": readme(exported, compiled.problems).encode()}
    write_folder(folder, dict(sorted(files.items())))
    _report(folder, exported, files, output)


def _nothing_but_kubernetes(cluster: ClusterFacts) -> ClusterFacts:
    return replace(cluster, gateway_api=False, keda=False, prometheus_operator=False, loki_rules=None)


def _refuse_images_that_nobody_built(compiled: Compiled, source: Source) -> None:
    """An image that stands for a build of no commit is in no registry."""
    assert compiled.spec is not None
    built = [component.name for component in compiled.spec.built]
    if built and not source.image and source.commit == NO_COMMIT:
        wrong_usage(f"no image is named for {', '.join(built)}.", "Write --image REF, or --commit SHA of a build.")


def _report(folder: Path, exported: Exported, files: dict[str, bytes], output: ExportFormat) -> None:
    """The files to stdout, what comes next to stderr."""
    blanks = blanks_of(exported)
    missing = [blank.path for blank in blanks if not (folder / blank.path).exists()]
    for blank in blanks:
        if blank.path.endswith(".env") and blank.path not in missing:
            keys = lacking(folder / blank.path, blank.keys)
            err(f"{folder / blank.path}: it is yours and was kept. Add {', '.join(keys)}.\n" if keys else "")
    if output is ExportFormat.JSON:
        data = {"folder": str(folder), "files": sorted(files), "fill_in": missing}
        out(data_text(data, Form.JSON))
    else:
        out("".join(f"{folder / path}\n" for path in sorted(files)))
    fill_in = f"fill in {', '.join(missing)}, then " if missing else ""
    err(f"Next: read {folder / 'README.md'}, {fill_in}kubectl apply -k {folder}\n")
