"""Carries a plan out: waves, preconditions, the object gate, one verdict for each object."""
