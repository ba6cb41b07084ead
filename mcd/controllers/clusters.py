"""Keeps what is known of a Cluster true: does it answer, and what does it serve?"""
