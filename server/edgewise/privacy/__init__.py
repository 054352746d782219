"""Data-subject access: reading, exporting, changing and erasing what is stored about one visitor."""
