"""Commands of the command line, their options, and their access to the store."""
