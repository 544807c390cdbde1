"""Accounts, log-in, tokens and their keys."""
