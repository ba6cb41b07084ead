"""Commands that talk to a server: one file per group of nouns. None of them imports a package of the server."""
