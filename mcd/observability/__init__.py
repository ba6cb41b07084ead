"""MCD's own metrics and logs. A leaf: it knows no room of the program."""
