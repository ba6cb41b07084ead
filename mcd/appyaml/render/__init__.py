"""AppSpec to objects: one file for each thing that is made. Pure, and it decides nothing: resolve.py has decided."""
