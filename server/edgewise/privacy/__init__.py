"""Data-subject access: reading, exporting, changing and erasing the data of one visitor."""
