"""The registry service: subjects, ids, compatibility, gRPC and REST API."""
