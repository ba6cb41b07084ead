"""What stands in the Secret of a need: the words of its kind, the URL made of them, the prefix of its names.

Providers call it with what they made. It must not keep, log or show a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from mcd.errors import Code, McdError
from mcd.infra.offering import Offering

_DERIVED = frozenset({"url", "prefix"})
_ENCODED = ("user", "password")


def secret_of(offering: Offering, made: Mapping[str, str], app: str, *, own_server: bool) -> dict[str, str]:
    """Word → value, in the order of the words. `made` has every word but url and prefix, which follow from them.

    Raises McdError(internal) that names a word, never a value, when one is missing, unknown or written by hand.
    """
    wanted = [word for word in offering.words if word not in _DERIVED]
    wrong = sorted(made.keys() ^ set(wanted))
    if wrong:
        raise McdError(Code.INTERNAL, f"{offering.name} was given other words than its own: {', '.join(wrong)}.")
    prefix = offering.own_prefix if own_server else offering.prefix
    encoded = {word: quote(value, safe="") if word in _ENCODED else value for word, value in made.items()}
    derived = {"url": offering.url.format(**encoded), "prefix": prefix.format(app=app)}
    return {word: derived[word] if word in derived else made[word] for word in offering.words}
