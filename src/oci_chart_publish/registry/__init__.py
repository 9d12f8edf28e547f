"""A store of artifacts: the client of the OCI distribution specification."""
