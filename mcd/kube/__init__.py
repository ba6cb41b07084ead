"""The only room that talks to Kubernetes. It knows objects, not Apps or people."""
