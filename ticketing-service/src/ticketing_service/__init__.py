"""Ticketing: who has which seat. Everything it needs to sell, it has a copy of."""
