"""Compiles one input and says everything that is wrong with the answer, never with the input.

What a person writes may be refused in any number of problems; an exception, a slow answer, a message that breaks its
line, or an object that no cluster would take is a bug. It must not know how inputs are made.
"""

from __future__ import annotations

import re
import resource
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson  # a server has it loaded, and mcd.objects hashes with what is loaded

from mcd.appyaml.compiler import Compiled, check, compile_app, validate
from mcd.appyaml.text import codes
from mcd.errors import Problem, Severity, has_errors
from mcd.objects import canonical, to_yaml
from tests.rig.platforms import SOURCE, Platform
from tests.schemas import strict

assert orjson
SLOWEST = 1.0
"""Seconds of the processor for one file."""
SLOW = f"slow: more than {SLOWEST:g} s"
MOST_MEMORY = 64 * 1024 * 1024
_KNOWN = frozenset(codes.CODES)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_PORT = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


@dataclass(frozen=True)
class Verdict:
    """`reached`: whether it came to render. `wrong`: what is a bug, one line each; the first words name its kind."""

    reached: bool
    problems: int
    seconds: float
    wrong: tuple[str, ...] = ()


def judged(text: bytes, platform: Platform, version: str) -> Verdict:
    """Compiles as `mcd render` does, then checks as `mcd validate` does."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    try:
        checked = check(text, "app.yaml")
        compiled = compile_app(checked, platform.context, SOURCE)
    except Exception as bug:  # noqa: BLE001 - whatever comes out is the finding
        return Verdict(False, 0, time.process_time() - began, (f"uncaught {_where(bug)}",))
    seconds = time.process_time() - began
    wrong: list[str] = []
    if seconds > SLOWEST:
        wrong.append(SLOW)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > MOST_MEMORY:
        wrong.append(f"memory: {grown // 2**20} MiB more")
    wrong += _of_the_problems(compiled)
    try:
        if len(text) % 4 == 0:  # of some, because it costs as much again
            told = validate(checked, platform.context, SOURCE)
            if has_errors(told) < has_errors(compiled.problems) and not platform.context.product_line.name:
                wrong.append("validate: finds nothing in a file that render refuses")
        if compiled.ok:
            wrong += _of_the_objects(compiled, platform.kubernetes or version)
    except Exception as bug:  # noqa: BLE001
        wrong.append(f"uncaught {_where(bug)}")
    return Verdict(compiled.ok, len(compiled.problems), seconds, tuple(wrong))


def _where(bug: BaseException) -> str:
    """What was raised, and in which function of ours: the same bug has the same words."""
    frames = [f for f in traceback.extract_tb(bug.__traceback__) if "/mcd/" in f.filename]
    at = f"{frames[-1].filename.rpartition('/mcd/')[2]} {frames[-1].name}" if frames else "outside"
    return f"{type(bug).__name__} in {at}"


def _of_the_problems(compiled: Compiled) -> list[str]:
    refused = any(p.severity is Severity.ERROR for p in compiled.problems)
    wrong = [f"problem: {found} in {p.code}" for p in compiled.problems for found in _of_a_problem(p)]
    if refused and compiled.objects:
        wrong.append("objects: made beside an error")
    if not refused and not compiled.objects:
        wrong.append("objects: none, and no error")
    return wrong


def _of_a_problem(problem: Problem) -> list[str]:
    said = str(problem)
    wrong = []
    if problem.code not in _KNOWN:
        wrong.append("a code that is not in the list")
    if not said.isprintable():
        wrong.append("a character that a terminal may obey")
    if problem.line < 1 or problem.column < 1:
        wrong.append("a place before the first character")
    if len(said) > 3000:
        wrong.append(f"a message of {len(said)} characters")
    if not problem.message.endswith((".", "?", "!", ":")) and not problem.hint:
        wrong.append("a message without an end")
    return wrong


def _of_the_objects(compiled: Compiled, version: str) -> list[str]:
    wrong = [f"schema: {_general(line)}" for line in strict.wrong(compiled.objects, version)]
    refs = [(o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in compiled.objects]
    wrong += [f"twice: {kind} of one name" for api, kind, name in refs if refs.count((api, kind, name)) > 1]
    for obj in compiled.objects:
        wrong += [f"{obj['kind']}: {line}" for line in _of_an_object(obj)]
    if len(compiled.objects) % 8 == 3:  # of some, because it costs as much again
        to_yaml(compiled.objects)
    return wrong


def _general(line: str) -> str:
    """Without the names that the file chose, so that one bug is one finding."""
    return re.sub(r"/[^ .]*|\[\d+\]|'[^']*'|\"[^\"]*\"", "", line)[:200]


def _of_an_object(obj: Mapping[str, Any]) -> list[str]:
    meta = obj["metadata"]
    wrong = [] if _NAME.fullmatch(meta["name"]) else ["a name that is none"]
    wrong += [f"label {key}" for key, value in meta.get("labels", {}).items() if not _LABEL.fullmatch(value)]
    if len(canonical(obj)) > 1_000_000:
        wrong.append("larger than a cluster takes")
    spec = obj.get("spec", {})
    template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    if template is not None:
        pod = template["spec"]
        containers = [*pod["containers"], *pod.get("initContainers", ())]
        labels = template["metadata"]["labels"]
        wrong += [f"label {key}" for key, value in labels.items() if not _LABEL.fullmatch(value)]
        wrong += _repeated("containers", (c["name"] for c in containers))
        wrong += _repeated("volumes", (v["name"] for v in pod.get("volumes", ())))
        for container in containers:
            wrong += _repeated("variables", (e["name"] for e in container.get("env", ())))
            wrong += _repeated("mounts", (m["mountPath"] for m in container.get("volumeMounts", ())))
            wrong += [f"port name {p['name']}" for p in container.get("ports", ()) if not _PORT.fullmatch(p["name"])]
        names = {v["name"] for v in pod.get("volumes", ())}
        names |= {c["metadata"]["name"] for c in spec.get("volumeClaimTemplates", ())}
        mounted = {m["name"] for c in containers for m in c.get("volumeMounts", ())}
        wrong += [f"the volume {name} is not there" for name in sorted(mounted - names)]
    return wrong


def _repeated(what: str, names: Iterable[str]) -> list[str]:
    seen = list(names)
    return [f"two {what} of one name"] if len(seen) != len(set(seen)) else []
