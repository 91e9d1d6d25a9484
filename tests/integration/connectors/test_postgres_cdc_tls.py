"""Change data capture over TLS; the wheel's PostgreSQL has none, so this is on Debian's."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.connectors.source_harness import SourceHarness
from tests.support.eventually import eventually
from tidegate.connectors.postgres_cdc import PostgresCdcConnector
from tidegate.devstack import Postgres
from tidegate.errors import FatalError

_DEBIAN = Path("/usr/lib/postgresql/15/bin")


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_file = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (pem, key_file):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return pem, key_file


@pytest.fixture(scope="module")
def server(state_dir: Path) -> Iterator[tuple[Postgres, Path]]:
    """A server that speaks TLS, and its certificate."""
    if not (_DEBIAN / "postgres").exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    pem, key = _certificate(state_dir, "server")
    settings = {"ssl": "on", "ssl_cert_file": str(pem), "ssl_key_file": str(key)}
    with Postgres(state_dir, name="cdc-tls", settings=settings, programs=_DEBIAN) as component:
        yield component, pem


def _harness(server: Postgres, **more: str) -> SourceHarness:
    config = {
        "database.hostname": server.host,
        "database.port": str(server.port("postgres")),
        "database.user": "postgres",
        "database.password": "tidegate",
        "database.dbname": "postgres",
        "topic.prefix": "p",
        "slot.name": "tls",
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    return SourceHarness(PostgresCdcConnector(), config)


def test_the_stream_is_encrypted_and_the_server_proves_itself(server: tuple[Postgres, Path]) -> None:
    component, pem = server
    harness = _harness(component, database_sslmode="verify-full", database_sslrootcert=str(pem))
    with psycopg.connect(component.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        harness.start()
        try:
            connection.execute("INSERT INTO t VALUES (1)")
            eventually(lambda: harness.poll() and harness.rows(), timeout=60)
            rows = connection.execute(
                "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_replication_slots r ON r.active_pid = s.pid"
            ).fetchall()
            assert rows == [(True,)]
        finally:
            harness.crash()


def test_a_server_with_another_certificate_is_refused(server: tuple[Postgres, Path], state_dir: Path) -> None:
    other, _ = _certificate(state_dir, "other")
    harness = _harness(server[0], database_sslmode="verify-full", database_sslrootcert=str(other))
    with pytest.raises(FatalError, match=r"does not prove itself.*database\.sslrootcert"):
        harness.start()
