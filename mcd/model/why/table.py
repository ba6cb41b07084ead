"""The one place where a state becomes words: the sentence, what to do, and the lines of app.yaml, in each language.

Pure. Every face says what this says. It must not judge anything, and escapes no markup: who prints does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcd.errors import McdError
from mcd.model.why.happened import HAPPENED
from mcd.model.why.keys import Language, Note, Why
from mcd.model.why.notes import NOTES
from mcd.model.why.places import NETWORK, PLACING, RULES, RUNS, STORAGE
from mcd.model.why.platform import PLATFORM, WELL
from mcd.model.why.pods import CONFIGURATION, IMAGE, PROBES, START
from mcd.model.why.said import Filled, Number, Phrase, Saying, Told, Value, Words, told, told_by

WORDS: Mapping[Why, Words] = {
    **WELL, **IMAGE, **CONFIGURATION, **START, **PROBES, **PLACING, **RULES, **STORAGE, **NETWORK, **RUNS, **PLATFORM,
}  # fmt: skip
"""Every state there is."""

SAID: Mapping[Note, Phrase] = {**NOTES, **HAPPENED}
"""Every part of a sentence, and every sentence that is no state."""

_COMMA = {Language.EN: ", ", Language.ZH: "、"}


def sentence(one: Told, language: Language = Language.EN) -> str:
    """What is said, in one language."""
    if one.key is Note.WHOLE:
        parts = one.param("of")
        return whole(parts if isinstance(parts, tuple) else (), language)
    phrase = SAID[one.key] if isinstance(one.key, Note) else WORDS[one.key].sentence
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


def saying(*parts: Told) -> Saying:
    """What is told, in English, as a text that can be told in another language later."""
    return Saying(whole(parts).strip(), parts)


def say(note: Note, /, **params: Value) -> Saying:
    """One thing of the table, as `saying` says it. A parameter that is such a text itself is told with it."""
    return saying(told(note, **{name: within(value) for name, value in params.items()}))


def within(value: Value) -> Value:
    """A text as it stands within another one: one that knows what it says goes on knowing it."""
    return as_told(value) if isinstance(value, Saying) else value


def as_told(words: str) -> Told:
    """A text as something that is told: one that knows what it says, or words in whatever language they came."""
    parts = told_by(words)
    return told(Note.WHOLE, of=parts) if parts else told(Note.TEXT, text=str(words))


def together(*texts: str) -> str:
    """Texts one behind the other. It knows what it says when one of them does; the others stay as they came."""
    words = [each for each in texts if each]
    plain = " ".join(words)
    if not any(told_by(each) for each in words):
        return plain
    return Saying(plain, tuple(part for each in words for part in (told_by(each) or (as_told(each),))))


def words_of(error: McdError) -> str:
    """What a refusal says and what to do, as its text is, knowing what it says where it does."""
    return together(error.message, error.hint)


def in_language(words: str, language: Language) -> str:
    """A text in the language of its reader, where it knows what it says; else as it was written."""
    parts = told_by(words) if language is not Language.EN else ()
    return whole(parts, language) if parts else str(words)


def _filled(phrase: Phrase, one: Told, language: Language) -> str:
    values = {name: Number(_said(value, language)) for name, value in one.params}
    return phrase.of(language).format_map(Filled(values))


def _said(value: Value, language: Language) -> str:
    if isinstance(value, Told):
        return sentence(value, language)
    if isinstance(value, tuple):
        return _COMMA[language].join(sentence(each, language) for each in value)
    return str(value)
