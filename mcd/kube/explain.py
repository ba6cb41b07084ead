"""Says in words why something does not run, from what the cluster knows. Pure."""
