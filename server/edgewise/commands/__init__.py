"""What stands behind the commands: their options, how they get at the store, and those that have much to say."""
