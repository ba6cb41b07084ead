"""Live state from watches: one stream for each kind, a cache of what exists, a hint for each change."""
