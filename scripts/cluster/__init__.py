"""The local cluster: a real Kubernetes on one machine, for developing, demonstrating and testing MCD.

It starts standard parts and writes their addresses down. It must not import mcd, and mcd must not import it: MCD only
knows a kubeconfig.
"""
