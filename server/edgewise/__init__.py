"""Edgewise: a self-hosted website-personalization service."""

__version__ = "0.1.0"
