"""Tickets: booking, paying, cancelling, expiring."""
