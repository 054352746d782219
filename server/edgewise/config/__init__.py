"""Readers of TOML files and flags: values, tables, and messages about invalid ones."""
