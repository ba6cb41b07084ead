"""The loop that makes wishes true: due, reconcile, record. Reconcilers never see the database."""
