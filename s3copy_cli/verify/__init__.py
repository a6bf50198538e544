"""Proving that the destination equals the source: objects, logs, metrics, parked events, verdict."""
