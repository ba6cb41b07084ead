"""A second, complete implementation of Cluster, in memory, behind the same contract tests."""
