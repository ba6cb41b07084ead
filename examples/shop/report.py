"""The cron: asks the page for a summary and prints it. Its failure is seen as a failed run."""

import os
import sys

from talk import ask, say

WEB = os.environ["WEB_URL"]

if __name__ == "__main__":
    try:
        found = ask(f"{WEB}/summary", timeout=10.0)
    except OSError as error:
        sys.exit(f"{WEB} gave no summary: {error}")
    say(report=found)
