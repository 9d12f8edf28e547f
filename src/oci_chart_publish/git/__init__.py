"""Git, by its command."""
