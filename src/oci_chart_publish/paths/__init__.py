"""Paths and globs: which files a setting means, and which belong to a chart."""
