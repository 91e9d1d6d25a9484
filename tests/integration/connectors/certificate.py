"""A server's certificate, made for a test."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """Files in PEM.

    Args:
        server: the certificate of a server on this machine.
        key: its key.
        ca: who signed it.
        another_ca: who did not.
    """

    server: Path
    key: Path
    ca: Path
    another_ca: Path

    @classmethod
    def made(cls, directory: Path) -> Certificate:
        """New ones in a directory."""
        files = cls(*(directory / f"{name}.pem" for name in ("server", "key", "ca", "another_ca")))
        ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        files.ca.write_bytes(_pem(_signed("ca", ca_key.public_key(), "ca", ca_key, is_ca=True)))
        files.server.write_bytes(_pem(_signed("server", server_key.public_key(), "ca", ca_key, is_ca=False)))
        other = ec.generate_private_key(ec.SECP256R1())
        files.another_ca.write_bytes(_pem(_signed("other", other.public_key(), "other", other, is_ca=True)))
        form = serialization.PrivateFormat.TraditionalOpenSSL
        plain = serialization.NoEncryption()
        files.key.write_bytes(server_key.private_bytes(serialization.Encoding.PEM, form, plain))
        return files


def _signed(
    name: str, key: ec.EllipticCurvePublicKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
