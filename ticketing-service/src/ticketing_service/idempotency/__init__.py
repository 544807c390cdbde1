"""`Idempotency-Key`: the first final answer, again."""
