"""Git hosts: read a repository at a commit, verify a webhook. It knows no App."""
