"""Keeping a pipeline in order: bringing back what has not arrived."""
