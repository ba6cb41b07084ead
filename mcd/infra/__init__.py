"""Not built yet: the catalog of infra kinds (what may be asked for, what is made, what the App gets). Until then
`infra:` of app.yaml is refused.

The room is here so that its import contract holds from its first line: it is pure.
"""
