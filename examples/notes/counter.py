"""Counts the requests that this very pod ever had: the number is on its own disk, and both keep their name."""

import os
import threading
from pathlib import Path

from ending import Answering, serve

NUMBER = Path("/var/counter/number")
lock = threading.Lock()


def counted() -> int:
    with lock:
        number = (int(NUMBER.read_text()) if NUMBER.exists() else 0) + 1
        half = NUMBER.with_suffix(".new")
        half.write_text(f"{number}\n")
        half.replace(NUMBER)
    return number


class Counter(Answering):
    def get(self) -> None:
        if self.path == "/healthz":
            self.answer(200, "ok\n")
        else:
            self.answer(200, f"{os.environ['MCD_POD']}: {counted()}\n")


if __name__ == "__main__":
    serve(8000, Counter)
