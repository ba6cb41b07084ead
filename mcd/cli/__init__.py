"""The `mcd` command. A command imports only what it uses."""
