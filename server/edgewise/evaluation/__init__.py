"""Offline evaluation: replays of logged traffic, and estimates of rewards."""
