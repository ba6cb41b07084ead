"""Verifies and parses webhooks of git hosts. Pure: the clock is an argument."""
