"""One run: the project, and the stages in order."""
