"""The acceptance: every promise and every refusal of the spine, tried on a real cluster and printed as a table."""
