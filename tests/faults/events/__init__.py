"""Proof that events are neither lost, nor made up, nor out of order, nor handled twice.

Writers change subjects and publish through the outbox, or roll back; relays and consumers, those of
the suite, do their work; all of them, and the broker, are killed again and again. Afterwards the
stream `cinema.events.log` and the consumers' effects are held against what was committed.
"""
