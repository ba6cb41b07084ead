"""`mcd serve`: the only command that imports the server."""
