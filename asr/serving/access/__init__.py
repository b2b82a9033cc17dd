"""Who is let in: keys, bursts, places, and what a browser's page may reach."""
