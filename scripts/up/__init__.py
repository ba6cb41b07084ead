"""`make up`: a local Kubernetes, MCD beside it, and examples/shop on it, from nothing and again from anything.

Outside the package: MCD itself knows nothing of it. Each step says what it does, does nothing when it is done already,
and refuses with one line.
"""
