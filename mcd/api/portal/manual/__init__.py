"""The pages of `docs/` as the portal shows them: found, made into HTML, and searched, all from this installation.

They are files of MCD itself, read once; nothing that a person sends becomes a path or markup here. It must not know a
request, a reader's rights, or what a page is about.
"""
