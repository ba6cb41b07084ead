"""The `mcd` line that gives the same as a page: one line that a person may copy into a shell.

Pure. Names come from addresses and forms, so whoever sends a link chooses them: a shell must read each as one word, and
a terminal must find nothing in it to obey.
"""

from __future__ import annotations

import shlex

from mcd.api.portal.views.plain import plain


def typed(line: str, *words: object) -> str:
    """`line` is ours, as it is typed; each of `words` becomes one word behind it."""
    return " ".join([line, *(shlex.quote(plain(str(word))) for word in words)])
