"""The service: keeps products and orders in memory. One replica, because its memory is the only place."""

import threading
from typing import Any

from talk import Answer, as_json, serve

LIMIT = 1000
products = {"tea": 4, "cup": 9}
orders: list[str] = []
lock = threading.Lock()


def list_products(_: Any) -> Answer:
    with lock:
        return as_json([{"name": name, "price": price} for name, price in sorted(products.items())])


def add_product(body: Any) -> Answer:
    match body:
        case {"name": str(name), "price": int(price)} if 0 < len(name) <= 40 and price > 0:
            with lock:
                fresh = name not in products
                if fresh and len(products) >= LIMIT:
                    return as_json({"error": f"there are {LIMIT} products already"}, 422)
                products[name] = price
            return as_json({"name": name}, 201 if fresh else 200)
    return as_json({"error": "send name (at most 40 characters) and price (a number above 0)"}, 422)


def count_orders(_: Any) -> Answer:
    with lock:
        return as_json({"count": len(orders), "last": orders[-1] if orders else None})


def add_order(body: Any) -> Answer:
    match body:
        case {"product": str(name)} if name in products:
            with lock:
                orders.append(name)
                return as_json({"number": len(orders)}, 201)
    return as_json({"error": "there is no such product"}, 422)


def fine(_: Any) -> Answer:
    return as_json({"status": "ok"})


if __name__ == "__main__":
    serve(
        {
            "GET /products": list_products,
            "POST /products": add_product,
            "GET /orders": count_orders,
            "POST /orders": add_order,
            "GET /ready": fine,
            "GET /live": fine,
        }
    )
