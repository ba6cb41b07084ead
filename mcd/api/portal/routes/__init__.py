"""One router of pages for each word of the address: it reads the store as the person, makes the view, shows the page.

It must not hold HTML, SQL or rules: those are templates', the store's and the compiler's.
"""
