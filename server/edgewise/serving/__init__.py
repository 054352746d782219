"""The sites, policies and models that a web worker serves, kept up to date from the store."""
