"""The catalogue: what an App may ask for beside its own programs, what is made for it, and what the App is given.

Pure data and pure functions, one file for each shape. It must not make anything: providers read it and do.
"""
