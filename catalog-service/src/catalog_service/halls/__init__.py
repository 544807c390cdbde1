"""Halls: how many rows, and how many seats in each."""
