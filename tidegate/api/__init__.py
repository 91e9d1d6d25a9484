"""Generated gRPC stubs: ``tidegate.api.{common,coordinator,worker,registry}.v1``."""
