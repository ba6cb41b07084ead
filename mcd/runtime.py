"""The composition root: settings to database, clusters, forges, builder, clock."""
