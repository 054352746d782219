"""Signed decision ids and the digests that replace visitors' ids in the store."""
