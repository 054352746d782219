"""Webhooks: which conditions a visitor newly meets, and the delivery of their messages."""
