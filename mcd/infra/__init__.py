"""The catalog of infra kinds: what may be asked, what is made, what the App gets. Pure."""
