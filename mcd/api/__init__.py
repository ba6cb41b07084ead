"""The REST API and the git remote: they read and wish, and never touch a lease or apply an object."""
