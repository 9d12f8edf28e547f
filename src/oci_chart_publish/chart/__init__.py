"""Nouns of Helm: metadata, versions, constraints, ignore rules, charts and their packing; pure over a tree of files."""
