"""Policies: their types, the readers of policy and site files, and the compiled form."""
