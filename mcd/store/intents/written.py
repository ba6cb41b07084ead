"""What people write into Settings: values of variables, and the texts of config maps. Form only.

Whether anything reads them is the compiler's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.errors import Code, McdError, echo
from mcd.store import names

VALUE_LIMIT = 32 * 1024
"""Bytes of a variable's value, as in app.yaml."""

CONFIGS_LIMIT = 100
"""Config maps of an App, and keys of one."""


def check_env(env: Mapping[str, Any]) -> None:
    """Variable → value; None empties it. Raises McdError invalid, too_large; no value is in the message."""
    for name, value in env.items():
        names.check_variable(name)
        if value is not None and _bytes(f"env.{name}", value) > VALUE_LIMIT:
            raise McdError(Code.TOO_LARGE, f"env.{name}: larger than 32 KiB.", "Use a file, or make it smaller.")


def check_configs(configs: Mapping[str, Any]) -> None:
    """Config map → key → text; None takes one away. Raises McdError invalid."""
    if len(configs) > CONFIGS_LIMIT:
        raise McdError(Code.INVALID, f"configs: more than {CONFIGS_LIMIT} config maps.", "Use fewer.")
    for name, texts in configs.items():
        names.check_part("a config map", name)
        if texts is None:
            continue
        if not isinstance(texts, Mapping) or len(texts) > CONFIGS_LIMIT:
            words = f"configs.{name} is not a mapping of at most {CONFIGS_LIMIT} keys."
            raise McdError(Code.INVALID, words, "Write configs.NAME.KEY.")
        for key, value in texts.items():
            names.check_key(key, "a key of a config map")
            if value is not None:
                _bytes(f"configs.{name}.{key}", value)


def _bytes(where: str, value: Any) -> int:
    """Of a text that a container can be given."""
    if not isinstance(value, str):
        raise McdError(Code.INVALID, f"{echo(where)}: it is not text.", "Write it in quotes.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise McdError(Code.INVALID, f"{echo(where)}: it is not text.", "Write UTF-8.") from None
    if "\0" in value:
        raise McdError(Code.INVALID, f"{echo(where)}: it has a zero byte.", "Take it out.")
    return size
