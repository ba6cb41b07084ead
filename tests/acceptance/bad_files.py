"""Bad input in files and names: each push or command is refused with one line, before anything is stored or written.

The MCD that is asked has no App of these names before and none after.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance import apps, refused, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

GOOD = (
    "appname: acc-bad\ncomponents:\n  web:\n    type: service\n    image: registry.example.com/x:1\n"
    "    ports: {http: 80}\n"
)


def _pushed(name: str, text: str, *words: str) -> Callable[[World], Seen]:
    """A push of this app.yaml: refused with its place, the ref does not move, no App is made."""

    def run(world: World) -> Seen:
        app = f"acc-bad-{name}"
        folder = world.repository(app, {"app.yaml": text})
        mark = world.witness.mark()
        ran = world.push(folder, app, seconds=60)
        seen = refused.by_command(world, ran, mark, 1, "app.yaml", *words)
        if world.api("GET", f"/apps/{app}").status_code != 404:
            raise Miss(f"{app} was made all the same")
        return seen

    return run


def _validated(text: str, *words: str) -> Callable[[World], Seen]:
    def run(world: World) -> Seen:
        folder = world.work / "validated"
        folder.mkdir(exist_ok=True)
        (folder / "app.yaml").write_text(text)
        mark = world.witness.mark()
        ran = world.mcd("validate", cwd=folder, seconds=20)
        return refused.by_command(world, ran, mark, 1, "app.yaml", *words)

    return run


def name_out_of_range(world: World) -> Seen:
    folder = world.repository("acc-range", {"app.yaml": GOOD})
    long = "acc-" + "x" * 60
    mark = world.witness.mark()
    seen = refused.by_command(world, world.push(folder, long, seconds=30), mark, (1, 128), "40")
    refused.by_answer(
        world, world.api("POST", "/apps", {"name": "Not A Name", "product_line": world.line}), mark, 422, "name"
    )
    refused.by_command(world, world.push(folder, "kube-system", seconds=30), mark, (1, 128), "kube-system")
    return seen


def name_taken(world: World) -> Seen:
    """The owner is told to who may see it, and to nobody else."""
    app = "acc-bad-owned"
    folder = world.repository(app, {"app.yaml": apps.played(world, app, ["web"])})
    world.push(folder, app).ok()
    world.ready(app)
    stranger = person(world, "acc-stranger")
    theirs = f"{world.line}-theirs"
    stage.add_line(world, theirs)
    world.mcd("member", "add", "acc-stranger", "--role", "developer", "-p", theirs).ok()
    world.mcd("person", "set", "acc-stranger", "-p", theirs).ok()
    mark = world.witness.mark()
    other = world.repository("taken", {"app.yaml": GOOD})
    ran = world.git("push", world.remote(app), "main", cwd=other, token=stranger)
    world.kubectl("delete", "namespace", theirs, "--ignore-not-found", "--wait=false")
    if world.line in ran.text.replace(theirs, "") or app not in ran.text:
        raise Miss(f"a stranger is told where it is, or not what: {ran.text}")
    seen = refused.by_command(world, ran, mark, (1, 128), "name", "taken")
    wish = {"name": app, "product_line": world.line}
    refused.by_answer(world, world.api("POST", "/apps", wish), mark, 409, world.line)
    return seen


def person(world: World, name: str) -> str:
    """A new person without any rights; their token."""
    world.mcd("person", "create", name, "--password-stdin", given="correct horse battery\n").ok()
    config = world.work / f"config-{name}"
    config.mkdir(mode=0o700, exist_ok=True)
    more = {"MCD_CONFIG_HOME": str(config)}
    world.mcd("login", world.url, "--name", name, "--password-stdin", given="correct horse battery\n", **more).ok()
    return str(world.mcd("token", "create", "acceptance", "-o", "json", **more).json()["secret"])


_DEEP = "appname: acc-bad\ncomponents: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n"
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
_HUGE = GOOD + "".join(f"# line {n} of a file that is far too long\n" for n in range(9000))

CHECKS = (
    Check("bad.yaml", "git push with app.yaml: “components: [”", "app.yaml:LINE:COLUMN, exit 1, no App",
          _pushed("yaml", "appname: acc-bad\ncomponents: [\n"), 60, in_slice=True),
    Check("bad.unknown-key", "git push with “replica: 2”", "its place and “replicas” as a suggestion",
          _pushed("key", GOOD + "    replica: 2\n", "replica", "replicas"), 60, in_slice=True),
    Check("bad.not-yet", "git push with “infra:”", "no server makes one yet, its place",
          _pushed("infra", GOOD + "infra:\n  db: {type: mysql}\n", "infra"), 60),
    Check("bad.huge", "git push with an app.yaml of 380 KiB", "the limit, exit 1", _pushed("huge", _HUGE, "262144"), 60,
          in_slice=True),
    Check("bad.deep", "git push with an app.yaml 3,000 deep", "the limit with its line, exit 1",
          _pushed("deep", _DEEP, "deep"), 60, in_slice=True),
    Check("bad.bomb", "git push with nine times nine aliases", "the limit with its line, exit 1",
          _pushed("bomb", _BOMB, "alias"), 60),
    Check("bad.validate-deep", "mcd validate of the same deep file", "the same line, exit 1",
          _validated(_DEEP, "deep"), 30),
    Check("bad.range", "git push with replicas: 501 and port 99999", "both lines with their places, exit 1",
          _pushed("range", GOOD.replace("80", "99999") + "    replicas: 501\n", "99999"), 60, in_slice=True),
    Check("bad.name", "git push to names of 64 letters and kube-system; POST /apps “Not A Name”",
          "refused with the rule; 422", name_out_of_range, 60, in_slice=True),
    Check("bad.name-taken", "git push by a stranger to an App of somebody; POST /apps by who may see it",
          "taken; the product line is named only to who may see it; 409", name_taken, 90, in_slice=True),
)  # fmt: skip
