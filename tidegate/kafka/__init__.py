"""The Kafka layer: transactions, offsets, topics, dead letters' headers."""
