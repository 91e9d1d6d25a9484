"""Kafka Connect's REST API over the coordinator's handlers."""
