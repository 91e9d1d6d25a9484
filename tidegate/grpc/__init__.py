"""gRPC as Tidegate's services speak it: errors with their reason, deadlines, retries, traces, health, reflection."""
