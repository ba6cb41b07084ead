"""`python -m tests.schemas`: derives custom.json from the resource definitions of the local cluster.

Kept: the fields, their types and limits. Left out: texts, and rules in CEL, which only a server checks.
"""

from __future__ import annotations

import json
import sys

from scripts.cluster import definitions
from scripts.cluster.progress import Line
from tests.schemas.custom import KINDS, derive
from tests.schemas.strict import CUSTOM


def main() -> int:
    made = {"definitions": definitions.version(), "schemas": derive(definitions.ensure(Line()))}
    CUSTOM.write_text(json.dumps(made, sort_keys=True, separators=(",", ":")) + "\n")
    print(f"{CUSTOM.name}: {len(KINDS)} kinds, {CUSTOM.stat().st_size:,} bytes, of definitions {made['definitions']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
