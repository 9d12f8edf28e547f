"""Where a chart's files come from: a folder, an overlay, the work tree, a commit."""
