"""Events: parsing the messages of a batch, appending outcomes to the logs, and updating profiles."""
