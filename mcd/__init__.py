"""MCD: an internal platform-as-a-service on Kubernetes. See docs/architecture.md for the rooms."""

__version__ = "0.1.0"
