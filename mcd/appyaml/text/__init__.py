"""Text to a tree: the YAML reader, scalars, units, words, and the Problems found on the way."""
