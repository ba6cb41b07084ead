"""The one place where a state becomes words: the sentence, what to do, and the lines of app.yaml, in each language.

Pure. Every face says what this says. It must not judge anything, and escapes no markup: who prints does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcd.model.why.keys import Language, Note, Why
from mcd.model.why.notes import NOTES
from mcd.model.why.places import NETWORK, PLACING, RULES, RUNS, STORAGE
from mcd.model.why.platform import PLATFORM, WELL
from mcd.model.why.pods import CONFIGURATION, IMAGE, PROBES, START
from mcd.model.why.said import Filled, Number, Phrase, Told, Value, Words

WORDS: Mapping[Why, Words] = {
    **WELL, **IMAGE, **CONFIGURATION, **START, **PROBES, **PLACING, **RULES, **STORAGE, **NETWORK, **RUNS, **PLATFORM,
}  # fmt: skip
"""Every state there is."""

_COMMA = {Language.EN: ", ", Language.ZH: "、"}


def sentence(one: Told, language: Language = Language.EN) -> str:
    """What is said, in one language."""
    phrase = NOTES[one.key] if isinstance(one.key, Note) else WORDS[one.key].sentence
    return _filled(phrase, one, language)


def step(one: Told, language: Language = Language.EN) -> str:
    """What the person can do about it; empty when it is well or goes on by itself."""
    return "" if isinstance(one.key, Note) else _filled(WORDS[one.key].step, one, language)


def patch(one: Told) -> str:
    """Lines of app.yaml that mend it, words in capitals to be filled in; empty where app.yaml is not what to mend."""
    if isinstance(one.key, Note) or not WORDS[one.key].patch or one.param("beside"):
        return ""
    template = WORDS[one.key].patch
    return _filled(Phrase(template, template), one, Language.EN)


def headline(told: Sequence[Told]) -> Told | None:
    """The one thing that is wrong, where something is; else what is said first. None when nothing is told."""
    states = [one for one in told if isinstance(one.key, Why)]
    return next((one for one in states if one.key not in WELL), told[0] if told else None)


def whole(told: Sequence[Told], language: Language = Language.EN) -> str:
    """All that is told of one thing, in its order; what to do about the first comes last."""
    if not told:
        return ""
    parts = [sentence(told[0], language)]
    parts += [part for one in told[1:] for part in (sentence(one, language), step(one, language))]
    between = " " if language is Language.EN else ""
    return between.join(part for part in (*parts, step(told[0], language)) if part)


def _filled(phrase: Phrase, one: Told, language: Language) -> str:
    values = {name: Number(_said(value, language)) for name, value in one.params}
    return phrase.of(language).format_map(Filled(values))


def _said(value: Value, language: Language) -> str:
    if isinstance(value, Told):
        return sentence(value, language)
    if isinstance(value, tuple):
        return _COMMA[language].join(sentence(each, language) for each in value)
    return str(value)
