"""Tables, JSON, YAML, names and exit codes."""
