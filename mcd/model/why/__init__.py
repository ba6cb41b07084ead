"""Why something does not run: the states there are, and the one table of words in which every face tells them."""

from __future__ import annotations

from mcd.model.why.keys import Family, Language, Note, Why
from mcd.model.why.said import Phrase, Saying, Told, Value, Words, as_json, of_json, text, told, told_by
from mcd.model.why.table import (
    SAID,
    WORDS,
    as_told,
    headline,
    in_language,
    patch,
    say,
    saying,
    sentence,
    step,
    whole,
    within,
)

__all__ = [
    "SAID",
    "WORDS",
    "Family",
    "Language",
    "Note",
    "Phrase",
    "Saying",
    "Told",
    "Value",
    "Why",
    "Words",
    "as_json",
    "as_told",
    "headline",
    "in_language",
    "of_json",
    "patch",
    "say",
    "saying",
    "sentence",
    "step",
    "text",
    "told",
    "told_by",
    "whole",
    "within",
]
