"""Single message transforms and predicates: Kafka Connect's own, on whole batches of Arrow columns."""
