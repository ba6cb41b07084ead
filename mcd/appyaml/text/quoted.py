"""Texts in the double quotes of PromQL and LogQL, which are those of Go: what JSON escapes, they read.

It must not know an expression.
"""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """`say "x"` → `"say \\"x\\""`."""
    return json.dumps(text, ensure_ascii=False)
