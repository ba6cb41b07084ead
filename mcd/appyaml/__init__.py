"""The compiler: app.yaml to Kubernetes objects. Pure: no file, socket, clock or randomness is touched here."""
