"""One real Kubernetes API: build a request, send it, read the answer. Bodies are bytes in, bytes out."""
