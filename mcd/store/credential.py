"""The texts that prove who somebody is: API tokens and session ids, made of random letters and kept as a digest.

Pure but for the random source. 256 random bits need no slow hash; a prefix and a checksum let scanners find a leaked
token and let us refuse a mistyped one without asking the database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "mcd_pat_"
_TOKEN = re.compile(r"mcd_pat_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    letters = ""
    for _ in range(6):
        number, rest = divmod(number, len(_LETTERS))
        letters = _LETTERS[rest] + letters
    return letters


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def new_token() -> tuple[str, str, bytes]:
    """Id (may be shown), text (shown once), digest (kept)."""
    token_id = _random(12)
    body = f"{PREFIX}{token_id}_{_random(43)}"
    text = body + _checksum(body)
    return token_id, text, digest_of(text)


def token_id_of(text: str) -> str | None:
    """The id in a token's text, or None when it is not a token of ours, whole and unchanged."""
    match = _TOKEN.fullmatch(text)
    if match is None or _checksum(text[:-6]) != match.group(3):
        return None
    return match.group(1)


def new_session() -> tuple[str, bytes]:
    """Text for the cookie, digest (kept)."""
    text = _random(43)
    return text, digest_of(text)
