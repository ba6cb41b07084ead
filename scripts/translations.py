"""`python -m scripts.translations`: finds what pages say and brings the catalogues of the other languages up to date.

Texts stand in templates as `_("…")` and in Python as `n_("…")`; each area of the portal has a file of its own,
`locale/<language>/<area>.po`. Kept are translations of texts that are still said; nothing is guessed. It must not
translate.

    .venv/bin/python -m scripts.translations            # update, and list what has no translation yet
    .venv/bin/python -m scripts.translations --check    # only say what would change or is missing
    .venv/bin/python -m scripts.translations --with words.json   # update with {"English text": "translation"} of a file
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

PORTAL = Path(__file__).resolve().parent.parent / "mcd" / "api" / "portal"
LOCALE = PORTAL / "locale"
LANGUAGES = ("zh_CN",)
COMMON = "portal"
"""The area of the layout, of the shared parts, and of every text that more than one area says."""

KEYWORDS: Mapping[str, tuple[int, ...] | None] = {"_": None, "n_": None, "gettext": None, "ngettext": (1, 2)}
OPTIONS = {"extensions": "jinja2.ext.i18n", "silent": "false"}

Key = tuple[str, str]
"""A text, and its plural or an empty text."""


def texts() -> dict[str, dict[Key, list[str]]]:
    """Area → text → the files that say it."""
    said: dict[Key, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in sorted(PORTAL.rglob("*")):
        if path.suffix in (".html", ".py") and path.is_file():
            for key in _texts_of(path):
                said[key][area_of(path)].add(path.relative_to(PORTAL).as_posix())
    found: dict[str, dict[Key, list[str]]] = defaultdict(dict)
    for key, areas in said.items():
        area = next(iter(areas)) if len(areas) == 1 else COMMON
        found[area][key] = sorted(file for files in areas.values() for file in files)
    return dict(found)


def area_of(path: Path) -> str:
    """By the folder of a template; of a module by the first word of its name, when a folder of templates has it."""
    inside = path.relative_to(PORTAL)
    name = inside.parts[1] if inside.parts[0] == "templates" else inside.stem.partition("_")[0]
    return name if (PORTAL / "templates" / name).is_dir() and name != "parts" else COMMON


def _texts_of(path: Path) -> Iterable[Key]:
    method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
    options = OPTIONS if path.suffix == ".html" else {}
    for _, message, _, _ in extract(method, io.BytesIO(path.read_bytes()), keywords=KEYWORDS, options=options):
        if isinstance(message, tuple):
            yield str(message[0]), str(message[1])
        elif message:
            yield str(message), ""


def catalogue(language: str, area: str) -> Catalog:
    """As it is on the disk; empty when there is none."""
    file = LOCALE / language / f"{area}.po"
    if not file.exists():
        return Catalog(locale=language)
    with file.open("rb") as opened:
        return read_po(opened, locale=language)


def updated(language: str, area: str, wanted: Mapping[Key, list[str]], given: Mapping[str, str] | None = None) -> bytes:
    """The file as it should be: every text that is said, with the translation that is given or that any area has."""
    known = _translations(language)
    known |= {key: (given[key[0]],) if key[1] else given[key[0]] for key in wanted if given and key[0] in given}
    fresh = Catalog(locale=language, header_comment=f"# MCD's portal, {area}.")
    for key in sorted(wanted):
        one, many = key
        kept = known.get(key)
        locations = [(file, 0) for file in wanted[key]]
        string = kept if kept is not None else (("",) * fresh.num_plurals if many else "")
        flags = ("python-format",) if "%(" in one else ()
        fresh.add((one, many) if many else one, string, locations=locations, flags=flags)
    out = io.BytesIO()
    write_po(out, fresh, width=120, omit_header=True, include_lineno=False, sort_output=True)
    head = (
        f"# MCD's portal, {area}: written by `python -m scripts.translations`, translated by people.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n'
        f'"Plural-Forms: {fresh.plural_forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    return head.encode() + out.getvalue()


def _translations(language: str) -> dict[Key, str | tuple[str, ...]]:
    found: dict[Key, str | tuple[str, ...]] = {}
    for file in sorted((LOCALE / language).glob("*.po")):
        for message in catalogue(language, file.stem):
            if message.id and not message.fuzzy and _whole(message):
                found[_key(message)] = message.string
    return found


def _key(message: Message) -> Key:
    return (message.id[0], message.id[1]) if message.pluralizable else (str(message.id), "")


def _whole(message: Message) -> bool:
    strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    return all(strings)


def problems() -> list[str]:
    """What is missing, fuzzy, broken, left over or not extracted. Needs nothing but the files."""
    found = []
    said = texts()
    for language in LANGUAGES:
        for area in sorted({*said, *(file.stem for file in (LOCALE / language).glob("*.po"))}):
            where = f"locale/{language}/{area}.po"
            file = LOCALE / language / f"{area}.po"
            if area not in said:
                found.append(f"{where}: nothing says its texts any more: remove it")
                continue
            if not file.exists() or file.read_bytes() != updated(language, area, said[area]):
                found.append(f"{where}: is not what pages say: run python -m scripts.translations")
            kept = catalogue(language, area)
            for message in kept:
                if message.id and (message.fuzzy or not _whole(message)):
                    found.append(f'{where}: no translation of "{_key(message)[0]}"')
                found += [f"{where}: {error}" for error in message.check(kept) if message.id]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.translations", description="Catalogues of the portal.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--with", dest="words", type=Path, help="a JSON file of texts and their translations")
    arguments = parser.parse_args()
    if not arguments.check:
        given = json.loads(arguments.words.read_text("utf-8")) if arguments.words else {}
        for language in LANGUAGES:
            (LOCALE / language).mkdir(parents=True, exist_ok=True)
            files = {area: updated(language, area, wanted, given) for area, wanted in texts().items()}
            for area, content in files.items():
                (LOCALE / language / f"{area}.po").write_bytes(content)
            for file in (LOCALE / language).glob("*.po"):
                if file.stem not in files:
                    file.unlink()
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
