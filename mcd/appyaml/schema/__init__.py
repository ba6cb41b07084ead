"""What may be written in app.yaml, key by key; the reader, explain and the editors' schema are made from it."""
