"""Closed words of the model as they stand within a sentence: why there is a Rollout, roles, states.

It must not hold a sentence: those are in the tables of `why/`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mcd.model.access import Role
from mcd.model.states import StateWord
from mcd.model.triggers import Trigger
from mcd.model.why import Note, Told, told
from mcd.model.work import HealthState

TRIGGERS: Mapping[Trigger, Note] = {
    Trigger.PUSH: Note.TRIGGER_PUSH,
    Trigger.DEPLOY: Note.TRIGGER_DEPLOY,
    Trigger.ROLLBACK: Note.TRIGGER_ROLLBACK,
    Trigger.SETTINGS: Note.TRIGGER_SETTINGS,
    Trigger.RESTART: Note.TRIGGER_RESTART,
    Trigger.AUTO_ROLLBACK: Note.TRIGGER_AUTO_ROLLBACK,
    Trigger.DELETE: Note.TRIGGER_DELETE,
}

ROLES: Mapping[Role, Note] = {
    Role.OWNER: Note.ROLE_OWNER,
    Role.RELEASE_MANAGER: Note.ROLE_RELEASE_MANAGER,
    Role.DEVELOPER: Note.ROLE_DEVELOPER,
    Role.VIEWER: Note.ROLE_VIEWER,
}

_STATES: Mapping[str, Note] = {
    StateWord.READY.value: Note.STATE_READY,
    StateWord.PROGRESSING.value: Note.STATE_PROGRESSING,
    StateWord.STALLED.value: Note.STATE_STALLED,
    HealthState.HEALTHY.value: Note.STATE_HEALTHY,
    HealthState.FAILED.value: Note.STATE_FAILED,
}


def state_named(word: StateWord | HealthState) -> Told | str:
    """What something was when it was seen last."""
    note = _STATES.get(word.value)
    return told(note) if note is not None else word.value


def names_or_none(names: Collection[str]) -> Told | str:
    """What was changed, by name."""
    return ", ".join(names) or told(Note.NO_CHANGE)
