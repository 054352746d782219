"""Decisions: which action a visitor sees in a placement, and why."""
