"""Proof by faults: many clients, a seeded schedule of kills and freezes, and a checker."""
