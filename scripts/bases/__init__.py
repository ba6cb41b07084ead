"""Makes the platform's base images and pushes them to a registry: `python -m scripts.bases --registry HOST:PORT`."""
