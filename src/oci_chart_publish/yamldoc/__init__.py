"""YAML as events: values with their lines, and edits in place."""
