"""The peers' artifacts on Maven Central, with everything they need at run time."""

from __future__ import annotations

from pathlib import Path

from tidegate.devstack.maven_artifacts import fetch_jars

KAFKA = "4.1.0"
DEBEZIUM = "3.3.1.Final"
DEBEZIUM_MYSQL = "3.5.0.Final"
"""Of its connectors for MariaDB and for MySQL."""
ICEBERG = "1.10.1"
_HADOOP = "3.4.1"
_AWS = "2.33.0"

_RUNTIME = (
    f"org.apache.kafka:connect-runtime:{KAFKA}",
    f"org.apache.kafka:connect-json:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)
PLUGINS = {
    "file": (f"connect-file-{KAFKA}", (f"org.apache.kafka:connect-file:{KAFKA}",)),
    "debezium-postgres": (
        f"debezium-postgres-{DEBEZIUM}",
        (f"io.debezium:debezium-connector-postgres:{DEBEZIUM}",),
    ),
    "debezium-mariadb": (
        f"debezium-mariadb-{DEBEZIUM_MYSQL}",
        (f"io.debezium:debezium-connector-mariadb:{DEBEZIUM_MYSQL}",),
    ),
    "debezium-mysql": (
        f"debezium-mysql-{DEBEZIUM_MYSQL}",
        (f"io.debezium:debezium-connector-mysql:{DEBEZIUM_MYSQL}",),
    ),
    "debezium-jdbc": (f"debezium-jdbc-{DEBEZIUM}", (f"io.debezium:debezium-connector-jdbc:{DEBEZIUM}",)),
    # 1.10.0 names an artifact (iceberg-kafka-connect-events) that was never published in that version.
    "iceberg": (
        f"iceberg-connect-{ICEBERG}",
        (
            f"org.apache.iceberg:iceberg-kafka-connect:{ICEBERG}",
            f"org.apache.iceberg:iceberg-aws:{ICEBERG}",
            f"org.apache.iceberg:iceberg-parquet:{ICEBERG}",
            f"org.apache.hadoop:hadoop-client-api:{_HADOOP}",
            f"org.apache.hadoop:hadoop-client-runtime:{_HADOOP}",
            *(
                f"software.amazon.awssdk:{part}:{_AWS}"
                for part in ("s3", "sts", "kms", "glue", "dynamodb", "apache-client", "http-auth-aws")
            ),
            f"software.amazon.awssdk:url-connection-client:{_AWS}",
        ),
    ),
}


def runtime_jars() -> Path:
    """Kafka Connect's own jars."""
    return fetch_jars(f"kafka-connect-{KAFKA}", _RUNTIME)


def plugin_jars(plugin: str) -> list[Path]:
    """A connector's jars, to be loaded by a class loader of their own.

    Debezium's JDBC sink goes without Jackson's, as in the archive Debezium publishes: Connect finds the services
    of a second copy, and refuses them.

    Args:
        plugin: a key of :data:`PLUGINS`.
    """
    name, coordinates = PLUGINS[plugin]
    jars = sorted(fetch_jars(name, coordinates).glob("*.jar"))
    return [jar for jar in jars if plugin != "debezium-jdbc" or not jar.name.startswith("jackson-")]
