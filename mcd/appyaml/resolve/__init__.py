"""What is written, and what the platform knows, to an AppSpec in which nothing is left open."""
