"""Every code that a problem of app.yaml may have (app-yaml 2.4), with its cause and its cure in plain words.

`mcd explain CODE`, SARIF and docs/reference/app-yaml-problems.md are made from this table. A code is never given a
second meaning and never taken away. It must not find any problem itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """Why a problem comes up, and what a person does about it. Both are whole sentences for somebody who has never
    seen Kubernetes."""

    cause: str
    cure: str


READER: Mapping[str, Meaning] = {
    "yaml.syntax": Meaning(
        "The text is not YAML: a quote is missing, a line is indented wrongly, or a value begins with a character that "
        "YAML uses itself (such as *, @, % or {).",
        "Put the value into quotes, or indent the line like its neighbours, with spaces.",
    ),
    "yaml.encoding": Meaning(
        "The file is not UTF-8 text, or it holds a character that text cannot have.",
        "Save it as UTF-8 and remove the character that is named.",
    ),
    "yaml.limit": Meaning(
        "The file is too large, too deep, or repeats too much: 256 KiB, 32 levels, 20 aliases, 20,000 nodes, 1 s.",
        "Make it smaller: move long texts into files of the repository and name them with `source`.",
    ),
    "yaml.recursive": Meaning(
        "An alias (`*x`) stands inside the very thing that it repeats, so it would have no end.",
        "Write out what is meant.",
    ),
    "yaml.duplicate_key": Meaning(
        "The same key stands twice in one mapping. Most readers would drop one of them without a word.",
        "Keep one; the message names the line of the first.",
    ),
    "yaml.tag": Meaning("A value has a YAML tag such as `!!str`.", "Remove the tag; quotes make text of anything."),
    "yaml.merge_key": Meaning(
        "`<<` is a merge key of old YAML. YAML 1.2 has none.", "Repeat the keys, or use `environments`."
    ),
    "yaml.documents": Meaning(
        "The file holds a second document, after a line `---`.", "Keep one; a second App has a file of its own."
    ),
}

SHAPE: Mapping[str, Meaning] = {
    "schema.unknown_key": Meaning(
        "There is no such key at this place: it is misspelt, or stands one level too high or too low.",
        "Take the key that is suggested; `mcd explain KEY` says where a key belongs.",
    ),
    "schema.missing": Meaning("A key that must be there is not.", "Add it; the message says what it may be."),
    "schema.type": Meaning(
        "The value has another shape than the key takes: a list where a text is wanted, or text where there should be "
        "a mapping.",
        "Write the shape that the message names; `mcd explain KEY` shows an example.",
    ),
    "schema.not_for_type": Meaning(
        "The key exists, but not for a component of this type, or not in this place.",
        "Remove it, move it where the message says, or choose another type.",
    ),
    "schema.version": Meaning(
        "The file is written for a newer version of this format.", "Update mcd, or write `version: 1`."
    ),
}

VALUES: Mapping[str, Meaning] = {
    "value.null": Meaning(
        "The key has no value: nothing, `~` or `null` stands behind it.",
        "Write a value or remove the key. Only in `environments` does null mean something: it takes a key away.",
    ),
    "value.number": Meaning(
        "A number is wanted, and what stands there is none, or one that programs read in two ways (012, 1e3, 0x1F90).",
        "Write plain decimal digits.",
    ),
    "value.unit": Meaning(
        "A duration or a size has no unit, or a wrong one. Without one, 512 could be bytes or megabytes.",
        "Write 30s, 10m, 2h or 7d for a time; 512Mi, 2Gi or 1T for a size; 500m or 2 for CPU.",
    ),
    "value.range": Meaning(
        "The value is too small, too large or too long, or there are too many of them.",
        "Stay within the limits that the message names.",
    ),
    "value.choice": Meaning(
        "The key takes one of a few words, and this is none of them.", "Take one of the words that are listed."
    ),
    "value.format": Meaning(
        "The text does not have the form that the key takes.", "Write it like the example in the message."
    ),
    "cron.schedule": Meaning(
        "The schedule cannot be carried out, or would never come.",
        'Write five fields, minute hour day month weekday, such as "0 3 * * *", or a word such as @daily.',
    ),
    "cron.timezone": Meaning(
        "There is no time zone of this name.", "Take a name like Asia/Shanghai or Europe/Berlin, or UTC."
    ),
    "alert.syntax": Meaning(
        "The condition of an alert cannot be read.",
        'Write METRIC OPERATOR NUMBER, such as "cpu > 80%", joined by `and`.',
    ),
    "shell.needed": Meaning(
        "A command that is written as one text uses something that only a shell can do. No shell runs.",
        'Write it as a list: [sh, -c, "…"]. The image must have a shell then.',
    ),
}

NAMES: Mapping[str, Meaning] = {
    "name.invalid": Meaning(
        "The name has characters, or a length, that names of objects cannot have.",
        "Use small letters, digits and single dashes, a letter first.",
    ),
    "name.reserved": Meaning("The name belongs to the platform.", "Choose another."),
    "name.taken": Meaning(
        "Another App, or something else of this one, already has an object of the name that this would get.",
        "Rename what the message names.",
    ),
    "path.not_allowed": Meaning(
        "The path leaves the folder that it belongs to, or names a folder of the system.",
        "In the repository: below the folder of app.yaml. In the container: from /, and not in /proc, /sys or /dev.",
    ),
    "path.overlap": Meaning(
        "Two things would be mounted into one another, and one would hide the other.", "Choose another path for one."
    ),
    "file.missing": Meaning(
        "A file that app.yaml names with `source` is not in the repository at this commit.",
        "Add and commit it, or correct the path: it is read from the folder of app.yaml.",
    ),
    "file.too_large": Meaning(
        "A file is over 512 KiB, or all files of a component are over 900 KiB together.",
        "Put large files into the image, or into permdir.",
    ),
    "secret.literal": Meaning(
        "A value looks like a password, a key or a token. Everybody who may read the repository could read it.",
        "Put it into a secret in the portal and write {secret: name/key}. Then replace the one that was written here.",
    ),
    "secret.unknown": Meaning(
        "Neither the App's Settings nor the product line has a secret of this name, or it has no such key.",
        "Make it with `mcd secret set`, or correct the name.",
    ),
    "secret.misplaced": Meaning(
        "A secret stands where everybody would see it, or where its value would be needed before it is known.",
        "Hand it over in `env` or in a file instead.",
    ),
    "env.reserved": Meaning(
        "The platform sets the variable itself, so a value of your own would never be seen.",
        "Remove it, or choose another name.",
    ),
    "env.collision": Meaning(
        "Two needs of the App would set the same variable.",
        "Set `env_prefix` (infra) or `as` (app_dep) on one of them.",
    ),
    "env.required": Meaning(
        "A variable is marked as required, and nobody has filled it in yet.",
        "Fill it in the portal under Settings, Environment.",
    ),
    "env.cycle": Meaning("Variables use each other in a circle, so none of them has a value.", "Break the circle."),
}

REFERENCES: Mapping[str, Meaning] = {
    "ref.unknown": Meaning(
        "The name of something else, such as a pool, an App, an infra need or a variable, leads nowhere.",
        "Take the name that is suggested, or make what it names first.",
    ),
    "exclusive": Meaning("Two things are written of which only one can be.", "Keep the one that is meant."),
    "combination": Meaning(
        "Each of the values is good, but together they cannot work.",
        "Change one of the two; the message says which and why.",
    ),
    "template.syntax": Meaning(
        "Between {{ and }} stands something that templates do not have.",
        'Use a name, a filter, or if, else and end. A literal {{ is written {{ "{{" }}.',
    ),
    "template.unknown": Meaning(
        "A template uses a name or a variable that there is not.", "Correct it, or add the variable to `env`."
    ),
    "template.misplaced": Meaning(
        "A template stands where it cannot be expanded, or does what is not allowed there.",
        "Write the value itself, or move the template to where the message says.",
    ),
    "template.limit": Meaning(
        "What a template would write is over 1 MiB, or all variables and words of a component together are, or those "
        "of all components are over 16 MiB.",
        "Make it shorter.",
    ),
}

CLUSTER: Mapping[str, Meaning] = {
    "capacity.gpu": Meaning(
        "No pool of nodes that the product line may use has the devices that are asked for.",
        "The message says of each pool why not. Ask for less or for another model, or ask the owner of the cluster.",
    ),
    "capacity.node": Meaning(
        "A pod would not fit on any node of its pool: it asks for more than a node has, or for another processor.",
        "Ask for less, choose another pool, or build the image for the pool's processor too.",
    ),
    "cluster.lacks": Meaning(
        "The cluster does not have what this needs, and leaving it out would break or open the App.",
        "Do what the message says, or ask the owner of the cluster to add it.",
    ),
}

WARNINGS: Mapping[str, Meaning] = {
    "alias": Meaning(
        "The key or the word is that of another system. It is understood.", "Write the word that is used here."
    ),
    "env.shadows": Meaning(
        "A variable in app.yaml hides one that infra, another App or the product line provides.",
        "Nothing, if that is meant. Else rename it.",
    ),
    "env.literal": Meaning(
        "A value or a word of a list has a $ that looks like a variable. Values are literal: the program gets the $.",
        "Write {{ .Env.NAME }}, which is expanded. Nothing, if the program itself expands it.",
    ),
    "secret.name": Meaning(
        "The name of a variable says that it holds a secret, and its value stands in the file for everybody to read.",
        "If it is a secret, put it into the portal and write {secret: name/key}.",
    ),
    "health.none": Meaning(
        "Without a probe the platform sends requests to the program before it is ready, and does not see it hang.",
        "Write `health: /path` of something that answers quickly.",
    ),
    "oauth.open": Meaning(
        "`oauth.skip` has `/*`, which is every path: the sign-in stands there, and nobody is asked for it.",
        "Name the paths that are for everybody. Nothing, if signing in is meant to be optional.",
    ),
    "image.moving_tag": Meaning(
        "The image has no tag, or `latest`: tomorrow it is another one.", "Write a tag with a version, or a digest."
    ),
    "cluster.degraded": Meaning(
        "The cluster does not have something that the file uses, and the App can do without it. It is left out there.",
        "Nothing, if that is good enough there. Else ask the owner of the cluster to add it.",
    ),
    "cron.both_days": Meaning(
        "The schedule names days of the month and days of the week: either of them fires, not only both together.",
        "Write * for one of the two, if only the other is meant.",
    ),
    "settings.override": Meaning(
        "Settings of the App, made in the portal or with `mcd scale`, win over what the file says here.",
        "Nothing, if that is meant. Else remove the override: `mcd settings show` names it.",
    ),
    "environment.unmatched": Meaning(
        "No entry of `environments` has the name that was given with --environment.", "Correct the name or the entry."
    ),
    "product_line.differs": Meaning(
        "The file names another product line than the one that the App belongs to. The App stays where it is.",
        "Correct the name, or remove it: it is a hint for offline use only.",
    ),
    "pool.gpu_unused": Meaning(
        "A component without gpu would stand on nodes with devices, and take room that others need for theirs.",
        "Choose another pool, or ask for a gpu.",
    ),
    "gpu.unchecked": Meaning(
        "Nothing is known about the nodes, so nobody could check that such devices exist.",
        "Give a context with node pools (--context), or let the platform check it at the push.",
    ),
    "app_dep.absent": Meaning(
        "An App that this one may call, but need not, is not there. Its variables are not set.",
        "Nothing, if the program can do without it. Else create that App first.",
    ),
}

GROUPS: Mapping[str, Mapping[str, Meaning]] = {
    "The text": READER,
    "The shape": SHAPE,
    "Values": VALUES,
    "Names, files, secrets and variables": NAMES,
    "References, combinations and templates": REFERENCES,
    "The cluster": CLUSTER,
    "Warnings": WARNINGS,
}
"""What a page is divided into. Only those of the last group never stop a deploy."""

CODES: Mapping[str, Meaning] = {code: meaning for group in GROUPS.values() for code, meaning in group.items()}
