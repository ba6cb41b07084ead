"""Why there is a Rollout, as a closed list: who wishes one says so, nobody guesses it from numbers.

It must not know how a Rollout is stored or made.
"""

from __future__ import annotations

from enum import StrEnum


class Trigger(StrEnum):
    PUSH = "push"
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    SETTINGS = "settings"
    RESTART = "restart"
    AUTO_ROLLBACK = "auto-rollback"
    DELETE = "delete"


BY_PEOPLE = (Trigger.DEPLOY, Trigger.ROLLBACK, Trigger.SETTINGS, Trigger.RESTART)
"""What a person's wish may say. The others are MCD's own."""

NAMES_A_RELEASE = (Trigger.PUSH, Trigger.DEPLOY, Trigger.ROLLBACK)
"""Wishes of people that say what is to run. The others go on with what ran before."""

BACK = frozenset({Trigger.ROLLBACK, Trigger.AUTO_ROLLBACK})
"""Ways back to what ran before, by a person and by MCD."""
