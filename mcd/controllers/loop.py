"""The only loop: due, reconcile, record, for every reconciled noun."""
