"""What people wish."""
