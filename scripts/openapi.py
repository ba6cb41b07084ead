"""Writes docs/openapi.json from the routes. `make openapi`; a test compares the two."""

from __future__ import annotations

import json
from pathlib import Path

from mcd.api.app import description

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def text() -> str:
    return json.dumps(description(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{FILE.name}: {len(json.loads(text())['paths'])} paths")
