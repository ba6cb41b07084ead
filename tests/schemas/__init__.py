"""What Kubernetes and the projects beside it say that an object may hold, as fast checks: one per version and kind.

Kubernetes' own schemas come from the package `kubernetes-validate`; those of the projects beside it from `custom.json`,
which `python -m tests.schemas` derives from the definitions that `make servers` fetches. It must not know the compiler.
"""
