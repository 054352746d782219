"""The condition language: validation of conditions and their compilation to Python functions."""
