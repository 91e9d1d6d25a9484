"""The coordinator service: leader election, planner, reconciler, gRPC and REST API."""
