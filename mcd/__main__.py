"""`python -m mcd` is the command `mcd`."""

from mcd.cli.main import main

main()
