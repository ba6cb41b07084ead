"""Where a variable comes from that has no text of its own: a secret, infra, another App, a generator, a person
(app-yaml 3.4).

It must not hold the value of a secret: one becomes a reference to an object and its key.
"""

from __future__ import annotations

from collections.abc import Collection

from mcd.appyaml.names import generated_secret
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.variables import Environment, secret_need
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.spec.pod import Origin, SecretNeed
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.words import suggest
from mcd.errors import echo


def read_source(run: Resolving, env: Environment, name: str, variable: Variable, path: Path) -> None:
    """Says what a written variable is. After a problem it is an empty text, so that nothing else is said to lack it."""
    if variable.secret is not None:
        _from_secret(run, env, name, variable, path)
    elif variable.generate is not None:
        _generated(run, env, name, variable)
    elif variable.from_ is not None:
        _injected(run, env, name, variable.from_, path)
    elif variable.required:
        _filled_in(run, env, name, path)


def _refer(env: Environment, name: str, need: SecretNeed, key: str) -> None:
    env.needs.setdefault(need.name, need)
    env.refs[name] = (need.name, key)


def _from_secret(run: Resolving, env: Environment, name: str, variable: Variable, path: Path) -> None:
    need = secret_need(run.findings, run.context, run.name, variable, path)
    if need is not None:
        _refer(env, name, need, (variable.secret or "").partition("/")[2])


def _generated(run: Resolving, env: Environment, name: str, variable: Variable) -> None:
    """The key is the variable's name alone, so that a component may be renamed."""
    longest = max(run.generated.get(name, 0), variable.length)
    run.generated[name] = longest
    need = SecretNeed(generated_secret(run.name), (), Origin.GENERATED, "0", turns=run.context.generated)
    _refer(env, name, need, name)


def _injected(run: Resolving, env: Environment, name: str, wanted: str, path: Path) -> None:
    """`infra.NAME.KEY` is a reference, `app_dep.NAME.url` a value."""
    kind, giver, word = wanted.split(".")
    asked = run.app.infra if kind == Origin.INFRA else run.app.app_dep
    if giver not in asked:
        message = f'there is no {kind} "{echo(giver)}".'
        run.findings.refuse("ref.unknown", (*path, "from"), message, suggest(giver, asked))
        return
    words = _of_infra(run, env, name, giver, word) if kind == Origin.INFRA else _of_app_dep(run, env, name, giver, word)
    if words and word not in words:
        message = f'{kind}.{giver} has no "{echo(word)}".'
        run.findings.refuse("ref.unknown", (*path, "from"), message, suggest(word, words))


def _of_infra(run: Resolving, env: Environment, name: str, giver: str, word: str) -> Collection[str]:
    """The words that there are; none where it is told already that the kind is unknown."""
    need = run.infra.get(giver)
    if need is None:
        return ()
    if word in need.words:
        env.refs[name] = (need.secret, word)
    return need.words


def _of_app_dep(run: Resolving, env: Environment, name: str, giver: str, word: str) -> Collection[str]:
    """The words that there are; none where the App is not there, which then gives nothing under any name."""
    other = run.app_dep.get(giver)
    if other is None:
        env.unset(name)
        return ()
    values = other.values
    if word in values:
        env.write_value(name, values[word])
    return values


def _filled_in(run: Resolving, env: Environment, name: str, path: Path) -> None:
    value = run.context.settings.env.get(name, "")
    env.write_value(name, value)
    if not value and run.context.fills:
        message = f"{name} is required and has no value."
        hint = "Set it in the portal under Settings, Environment."
        if run.context.live:
            hint = f"{hint[:-1]}, or `mcd settings set {run.name} env.{name}=VALUE`."
        if run.context.new:
            hint = f"The App is new: first `mcd app create {run.name} -p {run.line}`. {hint} Then push again."
        run.findings.refuse("env.required", path, message, hint)
