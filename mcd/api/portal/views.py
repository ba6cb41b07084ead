"""What a page shows, made from nouns. Pure."""
