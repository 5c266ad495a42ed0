"""Normalise: one Listing model out of five providers' shapes, and what became of each listing over time."""
