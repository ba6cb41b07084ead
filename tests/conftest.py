"""What every test of the house begins with.

It must not give any test a fixture: those stand beside the tests that use them.
"""

from __future__ import annotations

import signal

# A shell starts what runs in the background deaf to Ctrl-C, and each program that a test starts would be deaf too.
signal.signal(signal.SIGINT, signal.default_int_handler)
