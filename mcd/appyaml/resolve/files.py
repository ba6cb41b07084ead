"""The files of a container (app-yaml 3.8, 4.4): read, expanded, measured, named.

One function for the main container and for sidecars. It must not hold the value of a secret: a text with one in it
becomes pieces, which are put together where the value is known.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mcd.appyaml.names import files_config, files_secret
from mcd.appyaml.record import record, replace
from mcd.appyaml.resolve.blocks import expand_file
from mcd.appyaml.resolve.mounts import FILE, Mount, check_mounts, folders_of
from mcd.appyaml.resolve.needs import merged
from mcd.appyaml.resolve.pieces import MAX_OF_ALL, TOO_MUCH, Piece, Scope, TemplateError
from mcd.appyaml.resolve.run import MadeFile, Resolving
from mcd.appyaml.resolve.variables import report_template, secret_need
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.files import LARGEST_FILE, LARGEST_FILES, File, beside
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.spec.pod import EnvEntry, Origin, SecretNeed
from mcd.appyaml.spec.storage import NO_FILES, FileSpec, FilesSpec, FileVolume, SecretKey
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.words import nearest
from mcd.errors import echo
from mcd.objects import canonical, h8

Level: TypeAlias = tuple[Mapping[str, File], Path]
"""A `files` of app.yaml and its path; of two files with one path the later level's counts."""

_ODD = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_KEY = 253
_TOP = "files"
"""How the path of a file begins that is every component's."""


@record
class Owner:
    """Whose files they are: the main container of a component, or a sidecar.

    `scope` is what their templates may name; `variables` say of a secret one which Secret object and key it is;
    `folders` are what is mounted there besides.
    """

    path: Path
    scope: Scope
    variables: Sequence[EnvEntry]
    folders: tuple[Mount, ...] = ()
    sidecar: str = ""

    @property
    def volume(self) -> str:
        return f"files-{self.sidecar}" if self.sidecar else "files"

    def key(self, path: str) -> str:
        """The file's key in our ConfigMap or Secret, and its path in the volume (app-yaml 6.6)."""
        told = f"{self.sidecar}:{path}" if self.sidecar else path
        return f"{h8(told)}-{_ODD.sub('_', posixpath.basename(path))}"[:_LONGEST_KEY]


def resolve_files(run: Resolving, owner: Owner, levels: Sequence[Level]) -> FileVolume:
    """The files of a container, and the Secrets that they read. What is wrong goes to the findings of the run."""
    written = {path: (file, (*where, path)) for level, where in levels for path, file in level.items()}
    mounts = [*owner.folders, *(Mount(FILE, path, where) for path, (_, where) in written.items())]
    if len(mounts) > 1:
        check_mounts(mounts, run.findings)
    files: list[FileSpec] = []
    needs: list[SecretNeed] = []
    component = str(owner.path[1])
    size = run.held.get(component, 0)
    for path, (file, where) in written.items():
        if size > LARGEST_FILES:
            break  # told by all_files: what is too much already is not made any larger
        if file.secret is None:
            made = _of_the_top(run, owner, path, file) if where[0] == _TOP else _text(run, owner, path, file, where)
        elif need := secret_need(run.findings, run.context, run.name, Variable(secret=file.secret), (*where, "secret")):
            needs.append(need)
            made = FileSpec(path, owner.key(path), file.mode, secret=(need.name, need.keys[0]))
        else:
            continue
        if made is not None:
            files.append(made)
            size += _size(made)
    run.held[component] = size
    return FileVolume(owner.volume, tuple(sorted(files, key=lambda made: made.key)), merged(needs))


def main_files(
    run: Resolving, path: Path, component: Component, scope: Scope, variables: Sequence[EnvEntry]
) -> tuple[FileVolume, ...]:
    """The files of the main container, which has these variables; nothing for one without files."""
    folders = folders_of(run, component, path)
    if not run.app.files and not component.files:
        if len(folders) > 1:
            check_mounts(folders, run.findings)
        return ()
    levels = ((run.app.files, (_TOP,)), (component.files, (*path, "files")))
    return (resolve_files(run, Owner(path, scope, variables, folders), levels),)


def _secret_key(variables: Sequence[EnvEntry], name: str) -> SecretKey | None:
    """Secret object and key of a variable whose value only the pod has."""
    return next((entry.secret for entry in variables if entry.name == name), None)


def all_files(run: Resolving, base: str, path: Path, volumes: Sequence[FileVolume]) -> FilesSpec:
    """The files of all containers of a component: measured together, because one ConfigMap holds them."""
    used = tuple(volume for volume in volumes if volume.files)
    if not used:
        return NO_FILES
    files = [file for volume in used for file in volume.files]
    if run.held[str(path[1])] > LARGEST_FILES:
        message, hint = "all files together have more than 900 KiB.", "Make them smaller, or put some into the image."
        run.findings.refuse("file.too_large", (*path, "files"), message, hint)
    needs = [need for volume in used for need in volume.needs.values()]
    held = {file.key: list(file.pieces) for file in files if file.pieces}
    if held:
        needs.append(SecretNeed(files_secret(base), tuple(sorted(held)), Origin.FILES, _version(held)))
    return FilesSpec(files_config(base), files_secret(base), used, merged(needs))


def _size(file: FileSpec) -> int:
    if file.data is not None:
        return len(file.data) // 4 * 3 - file.data.count("=")
    texts = [file.text or "", *(piece for piece in file.pieces if isinstance(piece, str))]
    return sum(len(text.encode()) for text in texts)


def _version(held: Mapping[str, object]) -> str:
    """Of what stands in our own Secret: another text is another version. The values have versions of their own."""
    return hashlib.sha256(canonical(held)).hexdigest()[:8]


def _of_the_top(run: Resolving, owner: Owner, path: str, file: File) -> FileSpec | None:
    """A file of the top level: read and expanded for the first component, and for another one only where a variable
    that it asks for is something else. What comes out counts for each."""
    before = run.spent.length
    look = owner.scope.env
    assert look is not None  # whoever has files has variables
    known = run.files.get(path)
    if known is not None and before + known.length <= MAX_OF_ALL and known.is_for(look):
        run.spent.length += known.length
        return known.file
    asked: dict[str, tuple[Piece, ...] | None] = {}

    def told(name: str) -> tuple[Piece, ...] | None:
        asked[name] = pieces = look(name)
        return pieces

    made = _text(run, replace(owner, scope=Scope(owner.scope.names, told)), path, file, (_TOP, path))
    if made is not None:
        run.files[path] = MadeFile(made, asked, run.spent.length - before)
    return made


def _text(run: Resolving, owner: Owner, path: str, file: File, where: Path) -> FileSpec | None:
    """A file that we hold: in our ConfigMap, or with a secret in it in our own Secret."""
    raw: bytes | str | None
    if file.content is not None:
        raw, where = file.content, (*where, "content")
    elif file.config is not None:
        where = (*where, "config")
        raw = _config(run, file.config, where)
    else:
        where = (*where, "source")
        raw = _source(run, file.source or "", where)
    if raw is None:
        return None
    name = owner.key(path)
    if isinstance(raw, bytes):
        if file.template:
            message = "it is not UTF-8 text, so nothing can be expanded in it."
            run.findings.refuse("template.syntax", where, message, "Remove template.")
            return None
        return FileSpec(path, name, file.mode, data=base64.b64encode(raw).decode())
    if not file.template or "{{" not in raw:
        return FileSpec(path, name, file.mode, text=raw)
    held = _expanded(run, owner, raw, file.source, where)
    if held is None:
        return None
    if all(isinstance(piece, str) for piece in held):
        return FileSpec(path, name, file.mode, text="".join(str(piece) for piece in held))
    return FileSpec(path, name, file.mode, pieces=held)


def _expanded(
    run: Resolving, owner: Owner, text: str, source: str | None, where: Path
) -> tuple[str | SecretKey, ...] | None:
    """The pieces of a template: texts and Secret keys in turn."""
    if run.spent.length > MAX_OF_ALL:
        return None  # so much came out that nothing more does, which is told
    try:
        pieces = expand_file(text, owner.scope, run.templates)
    except TemplateError as wrong:
        if source is not None:
            _report_source(run, text, source, where, wrong)
        else:
            report_template(run.findings, run.text, where, wrong)
        return None
    held: list[str | SecretKey] = []
    for piece in pieces:
        last = held[-1] if held else None
        if not isinstance(piece, str):
            secret = _secret_key(owner.variables, piece.name)
            if secret is None:
                return None  # nobody knows its secret, which is told where the variable stands
            held.append(secret)
        elif isinstance(last, str):
            held[-1] = last + piece
        else:
            held.append(piece)
    size = sum(len(piece.encode()) for piece in held if isinstance(piece, str))
    if size > LARGEST_FILE:
        _too_large(run, where)
        return None
    run.spent.length += size
    if run.spent.length > MAX_OF_ALL:
        message = "more than 16 MiB comes out of the templates of all components."
        run.findings.refuse(TOO_MUCH, where, message, "Use less.")
        return None
    return tuple(held)


# ── where the text comes from ────────────────────────────────────────────────────────────────────────────────────


def _source(run: Resolving, source: str, where: Path) -> bytes | str | None:
    """A file of the repository: text if it is UTF-8 without a NUL, else its bytes."""
    if run.source.files is None:
        message = "no file of the repository is read here: it is not checked."
        run.findings.warn("cluster.degraded", where, message, "A push reads it.")
        return None
    raw = run.source.files.get(beside(source))
    if raw is None:
        run.findings.refuse("file.missing", where, f'there is no file "{echo(source)}" beside app.yaml.')
        return None
    if len(raw) > LARGEST_FILE:
        _too_large(run, where)
        return None
    try:
        return raw if b"\0" in raw else raw.decode()
    except UnicodeDecodeError:
        return raw


def _too_large(run: Resolving, where: Path) -> None:
    hint = "Make it smaller, or put it into the image."
    run.findings.refuse("file.too_large", where, "it has more than 512 KiB.", hint)


def _config(run: Resolving, config: str, where: Path) -> str | None:
    """The text of a config map: the App's own, else the product line's. Nobody knows it without a platform: then it is
    taken to exist, and to be empty, which is told."""
    name, _, wanted = config.partition("/")
    known = (run.context.settings.configs, run.context.product_line.configs)
    for configs in known:
        if name in configs:
            texts = configs[name]
            if wanted in texts:
                return texts[wanted]
            near = nearest(wanted, texts)
            hint = f'Did you mean "{echo(near)}"?' if near else f"Known: {', '.join(echo(w) for w in sorted(texts))}."
            run.findings.refuse("ref.unknown", where, f'config map "{echo(name)}" has no "{echo(wanted)}".', hint)
            return None
    if not run.context.known and not run.context.exported:
        if run.context.fills:
            message = "no config map is read here: the file is empty."
            hint = "A push reads it; offline write it into --context, as settings.configs."
            run.findings.warn("cluster.degraded", where, message, hint)
        return ""
    near = nearest(name, {*known[0], *known[1]})
    make = "Write it into --context, as settings.configs." if run.context.exported else ""
    hint = f'Did you mean "{echo(near)}"?' if near else make or "Add it in the portal under Settings."
    run.findings.refuse("ref.unknown", where, f'there is no config map "{echo(name)}".', hint)
    return None


def _report_source(run: Resolving, text: str, source: str, where: Path, wrong: TemplateError) -> None:
    """Template problems of a file of the repository, in its own lines."""
    report = run.findings.report
    there = Report(posixpath.join(posixpath.dirname(report.file), beside(source)))
    for one in (wrong, *wrong.others):
        before = text[: one.offset]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        there.refuse(one.code, place, where, one.message, one.hint)
    report.found += there.found
    report.errors += there.errors
