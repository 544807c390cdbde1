"""Screenings: which movie is shown when, and in which hall. On the wire they are sessions."""
