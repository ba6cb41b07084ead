"""Structured logs to standard output."""
