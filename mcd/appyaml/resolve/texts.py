"""Words and texts with templates in them: command, args, image, host (app-yaml 4.4, 5.4).

It must not know what the words are for.
"""

from __future__ import annotations

from mcd.appyaml.resolve.commands import CommandError, for_kubernetes, split, variables
from mcd.appyaml.resolve.pieces import TOLD, Piece, TemplateError, all_of
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.templates import expand, segments
from mcd.appyaml.resolve.variables import Environment, report_template
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.shapes import IMAGE, Words, moving
from mcd.appyaml.text.nodes import Path
from mcd.errors import echo


def words_of(run: Resolving, words: Words | None, path: Path, env: Environment, *, program: bool) -> tuple[str, ...]:
    """A command as Kubernetes must write it, so that the program sees what was meant."""
    if words is None:
        return ()
    try:
        if words.text is None:
            return tuple(_word(run, word, (*path, number), env) for number, word in enumerate(words.words))
        return _split_words(words.text, env, program=program)
    except CommandError as wrong:
        run.findings.refuse(wrong.code, path, wrong.message, wrong.hint)
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, wrong)
    return ()


def _split_words(text: str, env: Environment, *, program: bool) -> tuple[str, ...]:
    """The words of a text. Raises CommandError; TemplateError for all templates that are wrong."""
    starts = iter([start for start, _, _ in segments(text)] if "{{" in text else ())
    wrong: list[TemplateError] = []
    said = []
    for parts in split(text, program=program):
        if len(parts) == 1 and not parts[0][1] and "$" not in parts[0][0]:
            said.append(parts[0][0])
            continue
        pieces: list[Piece] = []
        for part, template in parts:
            if not template:
                pieces.extend(variables(part, env.has))
                continue
            start = next(starts)
            if env.is_spent():
                continue
            try:
                found = expand(part, env.scope())
                env.spend(found)
                pieces.extend(found)
            except TemplateError as error:
                error.offset = start  # it was expanded alone
                wrong.append(error)
                if len(wrong) >= TOLD:
                    raise all_of(wrong) from None
        said.append(for_kubernetes(pieces))
    if wrong:
        raise all_of(wrong)
    return tuple(said)


def _word(run: Resolving, word: str, path: Path, env: Environment) -> str:
    if "{{" not in word:
        return for_kubernetes((word,))
    if env.is_spent():
        return ""
    try:
        found = expand(word, env.scope())
        env.spend(found)
        return for_kubernetes(found)
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, wrong)
        return ""


def plain_text(run: Resolving, text: str, path: Path, env: Environment, where: str) -> str | None:
    """A text whose value must be known now: a secret cannot stand in it."""
    try:
        return "".join(str(piece) for piece in expand(text, env.scope(), where))
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, wrong)
        return None


def named_image(run: Resolving, text: str, path: Path, env: Environment) -> str | None:
    """An image that the file names, its templates expanded; None after a problem."""
    written = plain_text(run, text, path, env, "an image name")
    if written is None:
        return None
    if not IMAGE.fullmatch(written) or len(written) > 500:
        hint = "Write it like nginx:1.29.3."
        run.findings.refuse("value.format", path, f'"{echo(written)}" is not an image.', hint)
        return None
    if moving(written):
        why = "" if written.endswith(":latest") else "has no tag, so it "
        run.findings.warn(
            "image.moving_tag", path, f"{echo(written)} {why}can change between two pods.", "Write a version."
        )
    return written


def image_of(run: Resolving, name: str, component: Component, env: Environment) -> str:
    """The pinned image, else the written one, else the built one."""
    path = ("components", name, "image")
    source = run.source
    written = None if component.image is None else named_image(run, component.image, path, env)
    if source.images and name in source.images:
        return source.images[name]
    if component.image is not None:
        return written or ""
    return source.image or f"{run.context.cluster.registry}/{run.parent}:{source.commit[:12]}"
