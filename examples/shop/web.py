"""The page: lists the products of the catalog and counts the orders that the daemon wrote there."""

import html
import os
from typing import Any

from talk import Answer, as_json, ask, say, serve

CATALOG = os.environ["CATALOG_URL"]
TITLE = "The shop"
seen_catalog = False


def page(_: Any) -> Answer:
    try:
        products, orders = ask(f"{CATALOG}/products"), ask(f"{CATALOG}/orders")
    except OSError as error:
        say(catalog=CATALOG, error=str(error))
        return 503, "text/html; charset=utf-8", b"<h1>The catalog does not answer. Try again in a moment.</h1>\n"
    rows = "".join(f"<li>{html.escape(one['name'])}: {one['price']}</li>" for one in products)
    version = html.escape(os.environ.get("MCD_VERSION", "none"))
    text = f"<!doctype html><title>{TITLE}</title><h1>{TITLE}</h1><ul>{rows}</ul>"
    text += f"<p>Orders so far: {orders['count']}</p><footer>version {version}</footer>\n"
    return 200, "text/html; charset=utf-8", text.encode()


def summary(_: Any) -> Answer:
    try:
        products, orders = ask(f"{CATALOG}/products"), ask(f"{CATALOG}/orders")
    except OSError as error:
        return as_json({"error": str(error)}, 503)
    return as_json({"products": len(products), "orders": orders["count"], "last": orders["last"]})


def ready(_: Any) -> Answer:
    """Ready once the catalog was seen. Not later on: a catalog that restarts must not take every page away."""
    global seen_catalog
    try:
        seen_catalog = seen_catalog or bool(ask(f"{CATALOG}/ready", timeout=1.0))
    except OSError as error:
        return as_json({"waiting for": CATALOG, "error": str(error)}, 503)
    return as_json({"status": "ok"})


def live(_: Any) -> Answer:
    return as_json({"status": "ok"})


if __name__ == "__main__":
    serve({"GET /": page, "GET /summary": summary, "GET /ready": ready, "GET /live": live})
