"""The daemon: now and then somebody buys the next product. It waits for the catalog instead of dying without it."""

import os
import signal
import threading

from talk import ask, say

CATALOG = os.environ["CATALOG_URL"]
BETWEEN = float(os.environ.get("SECONDS_BETWEEN", "5"))
stop = threading.Event()


def buy(turn: int) -> None:
    products = ask(f"{CATALOG}/products")
    product = products[turn % len(products)]["name"]
    answer = ask(f"{CATALOG}/orders", {"product": product})
    say(ordered=product, number=answer["number"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    turn = 0
    while not stop.wait(BETWEEN):
        try:
            buy(turn)
            turn += 1
        except OSError as error:
            say(catalog=CATALOG, error=str(error))
    say(ended="SIGTERM", orders=turn)
