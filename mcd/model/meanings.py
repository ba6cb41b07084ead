"""What each member of an enum means: the text below it in the source, which is what a person is told about it.

It must not say anything of its own.
"""

from __future__ import annotations

import ast
import inspect


def documented(enum: type) -> dict[str, str]:
    """Member → the text right below it. Raises AssertionError for one without."""
    body = ast.parse(inspect.getsource(enum)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, below in zip(body.body, [*body.body[1:], None], strict=True):
        if not isinstance(statement, ast.Assign):
            continue
        assert isinstance(statement.targets[0], ast.Name)
        name = statement.targets[0].id
        assert isinstance(below, ast.Expr), f"{enum.__name__}.{name} has no text"
        assert isinstance(below.value, ast.Constant), f"{enum.__name__}.{name} has no text"
        found[name] = " ".join(str(below.value.value).split())
    return found
