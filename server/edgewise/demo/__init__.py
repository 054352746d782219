"""`edgewise demo`: a real server, simulated visitors, and a shop that shows what the server learns."""
