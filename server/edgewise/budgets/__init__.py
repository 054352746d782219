"""Budgets: what one source of requests, or one decision, may cost."""
