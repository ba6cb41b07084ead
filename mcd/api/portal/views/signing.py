"""The sign-in form. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignInForm:
    next: str
    name: str = ""
    by_token: bool = False
    wrong: bool = False
    """The last try did not fit; why is told to nobody."""
