"""Makes a Rollout true: compile the pair, apply, prune, watch it become healthy."""
