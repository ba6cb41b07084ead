"""The rig: campaigns against MCD that run for minutes or days, by `python -m tests.rig`, each a slice in `make test`.

What it finds becomes a case or a named test; it must not be part of the product.
"""
