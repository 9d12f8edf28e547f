"""Stage 5: the outcome as one document, and that document as Markdown, table, outputs, comment and notes."""
