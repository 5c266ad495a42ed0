"""Normalized listings and candidate profiles."""
