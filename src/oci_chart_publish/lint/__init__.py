"""What Helm accepts and people then stumble over, said before the push; ``docs/lint.md`` tells of each."""
