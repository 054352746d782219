"""What a web worker holds and does: which policies and models it serves, how it decides, what it records."""
