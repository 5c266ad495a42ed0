"""How each provider writes a listing down: one module a provider, `board(employer, postings)` gives a response body."""
