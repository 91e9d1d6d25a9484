"""The guided demo: a table through Kafka into the lake while its machines are being killed, with proof at the end."""
