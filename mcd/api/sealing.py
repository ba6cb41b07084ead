"""What goes through a browser and must come back as it was: session cookies, signed; tickets of shells and the secret
values of a preview, sealed. The keys come from the key ring.

The newest key signs and seals, and what any key of the ring signed or sealed is good: a key is added and removed while
people are signed in. It must not keep anything, nor say why something is not good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from itsdangerous import TimestampSigner
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from mcd.runtime import Runtime

_NONCE_BYTES = 12


class Sessions(SessionMiddleware):
    """Starlette's, which knows one key. `keys`: newest first; `name` of the cookie, which lasts `days`."""

    def __init__(self, app: ASGIApp, keys: Sequence[str], name: str, days: int, https: bool) -> None:
        super().__init__(
            app, secret_key=keys[0], session_cookie=name, max_age=days * 86400, same_site="lax", https_only=https
        )
        self.signer = TimestampSigner(list(reversed(keys)))


def session_keys(runtime: Runtime) -> tuple[str, ...]:
    """What session cookies are signed with, newest first: the setting, else derived from each key of the ring; without
    a ring one that lives as long as this process."""
    given = runtime.settings.session_secret.get_secret_value()
    if given:
        return (given,)
    ring = runtime.db.keyring
    if ring is None or not ring.keys:
        return (secrets.token_hex(32),)
    return tuple(hmac.new(key, b"mcd session cookie", hashlib.sha256).hexdigest() for _, key in ring.keys)


def keys_for(purpose: str, connection: HTTPConnection) -> tuple[bytes, ...]:
    """Newest first; every process of this MCD has the same. What is sealed for one purpose is no good for another."""
    known: tuple[str, ...] = connection.app.state.session_keys
    return tuple(hashlib.sha256(f"{purpose}\0{key}".encode()).digest() for key in known)


def seal(key: bytes, text: bytes, bound: bytes = b"") -> str:
    """Letters, digits, `-` and `_`. The same `bound` is needed to open it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound)).decode().rstrip("=")


def unseal(keys: Sequence[bytes], sealed: str, bound: bytes = b"") -> tuple[bytes, bytes]:
    """The text, and the key that it was sealed with. Raises ValueError unless that is one of `keys`."""
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    for key in keys:
        try:
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound), key
        except InvalidTag:
            continue
    raise ValueError("no key opens it")
