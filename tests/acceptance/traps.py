"""What other readers of YAML would take for something else, pushed: each is refused with its line and what to write.

The texts are those of the table of scalars in the specification of app.yaml; nothing is stored or written.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance import refused
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

_START = "appname: {app}\ncomponents:\n  web:\n    type: web\n    image: registry.example.com/x:1\n"
_CRON = "appname: {app}\ncomponents:\n  web:\n    type: cron\n    image: registry.example.com/x:1\n"


def _pushed(name: str, *pushes: tuple[str, str]) -> Callable[[World], Seen]:
    """Pushes of a file and the sentence that each is refused with; no App is made."""

    def run(world: World) -> Seen:
        app = f"acc-trap-{name}"
        seen = []
        for number, (text, sentence) in enumerate(pushes):
            folder = world.repository(f"{app}-{number}", {"app.yaml": text.replace("{app}", app)})
            mark = world.witness.mark()
            ran = world.push(folder, app, seconds=60)
            seen.append(refused.by_command(world, ran, mark, 1, "app.yaml:", sentence).line)
        if world.api("GET", f"/apps/{app}").status_code != 404:
            raise Miss(f"{app} was made all the same")
        return Seen(" | ".join(seen), 0)

    return run


def _web(line: str) -> str:
    return f"{_START}    {line}\n"


CHECKS = (
    Check(
        "traps.words",
        'git push with permdir: yes, and with permdir: "true"',
        "text where a boolean is asked",
        _pushed(
            "words",
            (_web("port: 80\n    permdir: yes"), '"yes" is text. Write true or false.'),
            (_web('port: 80\n    permdir: "true"'), '"true" is in quotes, so it is text. Write true without quotes.'),
        ),
        60,
        in_slice=True,
    ),
    Check(
        "traps.octal",
        "git push with port: 012, and with port: 0x1F90",
        "what it is here and elsewhere",
        _pushed(
            "octal",
            (_web("port: 012"), "012 is 12 here and 10 elsewhere. Write 12."),
            (_web("port: 0x1F90"), "0x1F90 is not a decimal number. Write 8080."),
        ),
        60,
        in_slice=True,
    ),
    Check(
        "traps.exponent",
        "git push with port: 1e3, and with port: 8.0",
        "not a whole number",
        _pushed(
            "exponent",
            (_web("port: 1e3"), "1e3 is not a whole number. Write 1000."),
            (_web("port: 8.0"), "8.0 is not a whole number. Write 8."),
        ),
        60,
        in_slice=True,
    ),
    Check(
        "traps.sixties",
        "git push with port: 22:22",
        "not a number of base 60",
        _pushed("sixties", (_web("port: 22:22"), "22:22 is not a number. Use 1 to 65535.")),
        60,
        in_slice=True,
    ),
    Check(
        "traps.units",
        "git push with memory: 512m, and with grace: 30",
        "half a byte; no unit",
        _pushed(
            "units",
            (_web("port: 80\n    resources: {memory: 512m}"), "512m is half a byte: m means thousandths. Write 512Mi."),
            (_web("port: 80\n    stop: {grace: 30}"), "30 has no unit. Write 30s."),
        ),
        60,
        in_slice=True,
    ),
    Check(
        "traps.syntax",
        "git push with */5 * * * *, @daily, {{ .Commit }}, a: b: c, and a tab",
        "what to quote",
        _pushed(
            "syntax",
            (f"{_CRON}    schedule: */5 * * * *\n", 'a value that begins with * must be in quotes: "*/5 * * * *".'),
            (f"{_CRON}    schedule: @daily\n", 'a value that begins with @ must be in quotes: "@daily".'),
            (_web("port: 80\n    env:\n      V: {{ .Commit }}"), "a value that begins with {{ must be in quotes."),
            (_web("port: 80\n    description: a: b: c"), 'a value that contains ": " must be in quotes.'),
            (f"{_START}\tport: 80\n", "a tab indents this line. Use spaces."),
        ),
        90,
        in_slice=True,
    ),
)
