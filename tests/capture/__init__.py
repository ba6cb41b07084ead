"""Provokes every state that `mcd why` tells apart, on the real node and on simulated ones, and keeps what was seen."""
