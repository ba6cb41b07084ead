"""Keeps a ProductLine's namespace true: Namespace, quota, limits, policies, rights."""
