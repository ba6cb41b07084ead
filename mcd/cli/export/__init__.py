"""`mcd export`: an App as a folder that plain kubectl applies, without MCD and without a server."""
