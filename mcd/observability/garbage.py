"""How often Python looks for circles of dead objects in a process that serves for weeks.

By default it looks through all young objects whenever 700 more are alive than at the last time: once or twice for each
App that is compiled, of which nothing is ever part of a circle. It must not be called by a command that ends soon.
"""

from __future__ import annotations

import gc

YOUNG = 20_000
"""So many more objects alive, and the young ones are looked through: some MiB at most that wait to be found."""


def look_seldom() -> None:
    """What is there by now, all that was imported, is never looked at again; what comes is, but not as often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
