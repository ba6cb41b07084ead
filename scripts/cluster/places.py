"""Where things lie on disk: the cache of built programs, and the home of one set of clusters.

It must not create or delete anything: it only names folders.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent.parent
MODULES = PACKAGE / "modules"
MANIFESTS = PACKAGE / "manifests"


def cache() -> Path:
    """The folder of built programs, shared by all checkouts of one person (`MCD_CACHE`, else ~/.cache/mcd)."""
    given = os.environ.get("MCD_CACHE", "")
    return Path(given).expanduser().absolute() if given else Path.home() / ".cache" / "mcd"


def home() -> Path:
    """The folder of state, data and logs (`MCD_CLUSTER_HOME`, else .local/cluster in the checkout)."""
    given = os.environ.get("MCD_CLUSTER_HOME", "")
    return Path(given).expanduser().absolute() if given else CHECKOUT / ".local" / "cluster"
