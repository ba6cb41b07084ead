"""Says how a component is, from live objects alone. Pure."""
