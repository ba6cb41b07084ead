"""One transaction for each request or record."""
