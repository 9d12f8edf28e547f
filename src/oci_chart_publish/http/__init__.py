"""One HTTP exchange: connections, TLS, credentials, retries."""
