"""Webhooks: the conditions that a visitor newly meets, and the delivery of their messages."""
