"""MCD_* environment: meaning, unit and default of each setting, beside it."""
