"""Other people's formats to app.yaml, one file each, with a report of what could not be carried over."""
