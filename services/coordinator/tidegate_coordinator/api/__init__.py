"""The coordinator's API: one handler a call, the same for gRPC and REST."""
