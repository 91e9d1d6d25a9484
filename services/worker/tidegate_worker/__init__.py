"""The worker service: membership, claims, task processes and their loops."""
