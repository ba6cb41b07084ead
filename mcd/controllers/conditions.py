"""Outcome to conditions, attempts and the next run. Pure: the only place where a condition is made."""
