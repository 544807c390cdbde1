"""Makes docs/asyncapi/ from the registry of events, and keeps what is published from being broken.

python -m contract     (make docs)
"""
