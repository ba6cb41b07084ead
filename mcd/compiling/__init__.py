"""Compiles untrusted text in processes of their own, with limits of processor time and memory (app-yaml 2.1).

The event loop only waits for them. It must not decide anything about a file: that is the compiler's.
"""
