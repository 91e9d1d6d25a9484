"""What connectors that capture changes of a database share: Debezium's event envelope, keys, filters and names."""
