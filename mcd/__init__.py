"""MCD: an internal platform-as-a-service on Kubernetes. See docs/architecture.md for the rooms."""

__version__ = "0.1.0"

REVISION = "source"
"""The commit that this was built from. Written by the build of the image; `source` for a checkout."""
