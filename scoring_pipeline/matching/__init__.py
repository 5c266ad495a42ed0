"""What to score: profiles, and the work set that is left of a day once the cache has answered."""
