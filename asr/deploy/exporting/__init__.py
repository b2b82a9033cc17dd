"""From a bundle to checked graphs."""
