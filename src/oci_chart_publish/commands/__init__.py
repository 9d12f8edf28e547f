"""One module a command, without argv."""
