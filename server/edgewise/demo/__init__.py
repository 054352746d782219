"""`edgewise demo`: a real server, simulated visitors, and what it learns from them before one's eyes."""
