"""What each page shows, as plain frozen values: texts, numbers, moments, addresses.

Pure: a view is made from what the store answered and from `now`. It must not read anything, decide who may see it, or
hold HTML; templates only lay it out and translate it.
"""
