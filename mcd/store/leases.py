"""What controllers take, hold and record."""
