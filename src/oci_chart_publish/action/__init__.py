"""The action: inputs to commands, report to outputs."""
