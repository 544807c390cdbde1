"""Holds: baskets of seats kept for one customer for a while, in Redis.

Redis answers fast; PostgreSQL decides. A hold that Redis loses frees its seats early, and never
sells one twice.
"""
