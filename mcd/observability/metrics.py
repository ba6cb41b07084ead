"""Every metric of MCD, in one file."""
