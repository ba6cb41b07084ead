"""What MCD costs, measured beside something that was measured in the same run: `python -m bench COMMAND`.

One file is one metric is one command; a result is a ratio, never a number of one machine alone. It must not change what
it measures, and nothing of `mcd` imports it.
"""
