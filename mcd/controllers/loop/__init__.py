"""The only loop: due, reconcile, record, for every reconciled noun.

`turns.py` is the loop itself; beside it what one pass holds (`fence.py`), where a build's output goes (`build_log.py`)
and what an operator is told (`noticing.py`). Nothing here decides anything about a noun.
"""

from mcd.controllers.loop.build_log import BuildLog
from mcd.controllers.loop.fence import LeaseFence, opener
from mcd.controllers.loop.turns import Loop

__all__ = ["BuildLog", "LeaseFence", "Loop", "opener"]
