"""The git side: reading commits, receiving pushes."""
