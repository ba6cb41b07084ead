"""Files and stdin as a command's input: limited text, YAML and JSON mappings. It must not guess what they mean."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mcd.errors import Code, McdError, echo

LIMIT = 256 * 1024


def text_from(path: Path | str) -> str:
    """A file, or stdin for `-`. Raises McdError: invalid (not there, not text), too_large (over 256 KiB)."""
    name = "stdin" if str(path) == "-" else echo(str(path))
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(LIMIT + 1)
    except OSError as error:
        raise McdError(
            Code.INVALID, f"{name}: {(error.strerror or 'cannot be read').lower()}.", "Check the path."
        ) from error
    if len(data) > LIMIT:
        raise McdError(Code.TOO_LARGE, f"{name} is over 256 KiB.", "Send less.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise McdError(Code.INVALID, f"{name} is not UTF-8 text.", "Save it as UTF-8.") from error


def mapping_from(path: Path | str) -> dict[str, Any]:
    """A YAML 1.2 or JSON file that holds one mapping. Raises McdError(invalid) with the line."""
    text, name = text_from(path), "stdin" if str(path) == "-" else echo(str(path))
    if text.lstrip().startswith("{"):
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise McdError(Code.INVALID, f"{name} is not JSON: {error}.", "Mend it.") from error
    else:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = YAML(typ="safe", pure=True).load(text)
        except (YAMLError, RecursionError, ValueError) as error:
            where = getattr(getattr(error, "problem_mark", None), "line", None)
            line = f":{where + 1}" if where is not None else ""
            why = getattr(error, "problem", None) or "it cannot be read"
            raise McdError(Code.INVALID, f"{name}{line}: this is not YAML: {why}.", "Mend it.") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise McdError(Code.INVALID, f"{name} does not hold a mapping.", "Write `key: value` lines.")
    try:
        json.dumps(found)
    except (TypeError, ValueError) as error:
        raise McdError(
            Code.INVALID, f"{name} holds a value that JSON has not: {error}.", "Put it in quotes."
        ) from error
    return found
