"""Decides what applying would do: which objects differ, which are stale, which are held. Pure: never calls a cluster."""
