"""Ticketing's own copy of the programme: what is on sale, fed by catalog's `session.*` events."""
