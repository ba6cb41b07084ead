"""Writes charts/mcd/README.md from the comments of values.yaml: `python -m scripts.chart_page`.

A comment that begins with `# --` describes the value below it. It must not describe anything by itself.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "mcd"
_KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):")

HEAD = """# The chart of MCD

Generated from values.yaml by `python -m scripts.chart_page`. How to install, upgrade, back up and restore:
[install](../../docs/how-to/install.md). Each pod is `restricted`, whatever is set; a value that is not here is refused.

| value | default | what it is |
|---|---|---|
"""


def described(text: str) -> dict[str, str]:
    """Value (`api.replicas`) → its comment."""
    found: dict[str, str] = {}
    above: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        comment = line.strip()
        if comment.startswith("# -- "):
            above = [comment.removeprefix("# -- ")]
        elif comment.startswith("# ") and above:
            above.append(comment.removeprefix("# "))
        elif match := _KEY.match(line):
            indent = len(match[1])
            path = [*((i, key) for i, key in path if i < indent), (indent, match[2])]
            if above:
                found[".".join(key for _, key in path)] = " ".join(above)
            above = []
    return found


def page() -> str:
    """The whole page."""
    text = (CHART / "values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    rows = []
    for name, words in described(text).items():
        default: Any = values
        for key in name.split("."):
            default = default[key]
        rows.append(f"| `{name}` | {_shown(default)} | {words.replace('|', chr(92) + '|')} |\n")
    return HEAD + "".join(rows)


def _shown(value: Any) -> str:
    if value in ("", None):
        return ""
    if isinstance(value, dict) and len(json.dumps(value)) > 60:
        return "see values.yaml"
    return f"`{json.dumps(value)}`" if isinstance(value, dict | list | bool) else f"`{value}`"


def main() -> int:
    (CHART / "README.md").write_text(page(), "utf-8")
    print("wrote charts/mcd/README.md", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
