"""Tests of scripts/cluster: its pure parts, its refusals, and the real thing."""
