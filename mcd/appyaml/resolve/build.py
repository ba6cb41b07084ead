"""How the image of an App is made, with nothing left open (app-yaml 3.2): arguments filled in, the words of prepare.

It must not know how an image is built.
"""

from __future__ import annotations

from mcd.appyaml.resolve.commands import CommandError, needs_shell, split
from mcd.appyaml.resolve.pieces import Scope, TemplateError
from mcd.appyaml.resolve.run import Resolving, template_names
from mcd.appyaml.resolve.templates import expand
from mcd.appyaml.resolve.undone import tell_undone_build
from mcd.appyaml.resolve.variables import report_template
from mcd.appyaml.schema.shapes import Words
from mcd.appyaml.spec.app import BuildSpec
from mcd.appyaml.text.nodes import Path

_KNOWN = frozenset({"App", "Commit", "Branch", "Tag"})
"""What build.args may name: no product line and no cluster, because one commit is one image."""


def resolve_build(run: Resolving) -> BuildSpec | None:
    """None when every component names its image; what is written is checked all the same."""
    build, components = run.app.build, run.app.components
    names = {name: value for name, value in template_names(run).items() if name in _KNOWN}
    args = {}
    for word, text in sorted(build.args.items()):
        try:
            # Only names that are known now are in this scope, so that every piece is text.
            args[word] = "".join(str(piece) for piece in expand(text, Scope(names)))
        except TemplateError as wrong:
            report_template(run.findings, run.text, ("build", "args", word), wrong)
    prepare = _prepare(run, build.prepare, ("build", "prepare"))
    if components and all(component.image is not None for component in components.values()):
        return None
    spec = BuildSpec(
        context=build.context,
        dockerfile=build.dockerfile,
        target=build.target or "",
        args=args,
        platforms=build.platforms,
        runtime=run.app.runtime,
        prepare=prepare,
        ci=build.ci or "",
    )
    tell_undone_build(run, spec)
    return spec


def _prepare(run: Resolving, words: Words | None, path: Path) -> tuple[str, ...]:
    """The words of the command. It runs where nothing of the pod is known: no template, and no variable of `env`."""
    if words is None:
        return ()
    for number, word in enumerate(words.words if words.text is None else (words.text,)):
        if "{{" in word:
            where = path if words.text is not None else (*path, number)
            run.findings.refuse("template.misplaced", where, "a template cannot stand here.", "Write the value itself.")
            return ()
    if words.text is None:
        return words.words
    try:
        said = tuple("".join(part for part, _ in word) for word in split(words.text, program=True))
        for word in said:
            if "$" in word:
                raise needs_shell(word[word.index("$") :])
    except CommandError as wrong:
        run.findings.refuse(wrong.code, path, wrong.message, wrong.hint)
        return ()
    return said
