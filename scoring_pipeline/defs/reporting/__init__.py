"""Scored listings and the daily report."""
