"""Settings of the services, and the secrets in connector configurations."""
