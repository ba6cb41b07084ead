"""Why something does not run: the states there are, and the one table of words in which every face tells them."""

from __future__ import annotations

from mcd.model.why.keys import Family, Language, Note, Why
from mcd.model.why.said import Phrase, Told, Value, Words, as_json, of_json, text, told
from mcd.model.why.table import WORDS, headline, patch, sentence, step, whole

__all__ = [
    "WORDS",
    "Family",
    "Language",
    "Note",
    "Phrase",
    "Told",
    "Value",
    "Why",
    "Words",
    "as_json",
    "headline",
    "of_json",
    "patch",
    "sentence",
    "step",
    "text",
    "told",
    "whole",
]
