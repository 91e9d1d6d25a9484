"""Tidegate: databases to Kafka to the lakehouse, exactly once."""
