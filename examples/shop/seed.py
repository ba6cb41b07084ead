"""The job, started by a person: puts more products into the catalog. Running it twice changes nothing more."""

import os
import sys

from talk import ask, say

CATALOG = os.environ["CATALOG_URL"]
PRODUCTS = {"kettle": 35, "tray": 18, "honey": 7}

if __name__ == "__main__":
    for name, price in PRODUCTS.items():
        try:
            ask(f"{CATALOG}/products", {"name": name, "price": price})
        except OSError as error:
            sys.exit(f"{CATALOG} did not take {name}: {error}")
        say(seeded=name)
