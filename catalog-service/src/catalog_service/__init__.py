"""Catalog: the halls, the movies, and the programme of sessions."""
