"""What is told of each captured state, in both languages: `told.yaml` beside its objects, and the table of the docs.

Tests compare both with what is told now; `python -m tests.capture --words` writes told.yaml anew, and the diff is the
review.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mcd.model.why import Language
from tests.capture.judge import FOLDER, Case, explanation, read


def cases() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/objects.yaml"))


def words(case: Case) -> dict[str, Any]:
    """What every face says of it."""
    en, zh = explanation(case, Language.EN), explanation(case, Language.ZH)
    found: dict[str, Any] = {"why": en.why.value, "reason": en.reason.value, "state": en.state.value}
    for name, told in (("en", en), ("zh", zh)):
        found[name] = {"sentence": told.sentence, "beside": list(told.beside), "step": told.step}
        if told.nodes:
            found[name]["nodes"] = [f"{row.node}: {row.why}" for row in told.nodes]
    found["patch"] = en.patch
    found["evidence"] = list(en.evidence)
    return found


def text_of(case: Case) -> str:
    return yaml.safe_dump(words(case), sort_keys=False, allow_unicode=True, width=200)


def path_of(case: str) -> Path:
    return FOLDER / case / "told.yaml"


def write_all() -> None:
    for name in cases():
        path_of(name).write_text(text_of(read(name)), encoding="utf-8")
