"""Readers of TOML files and flags: values, tables and the key paths of their problems."""
