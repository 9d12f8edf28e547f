"""The runner of the workflow: its files, commands and log."""
