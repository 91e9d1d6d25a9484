"""A server's certificate, made for a test."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """Files; PEM if nothing else is said.

    Args:
        server: the certificate of a server on this machine (``localhost``, 127.0.0.1).
        key: its key.
        pkcs12: both and who signed them, PKCS#12.
        password: of that file.
        ca: who signed it.
        another_ca: who did not.
    """

    server: Path
    key: Path
    pkcs12: Path
    password: str
    ca: Path
    another_ca: Path

    @classmethod
    def made(cls, directory: Path) -> Certificate:
        """New ones in a directory."""
        at = directory.joinpath
        made = cls(at("server.pem"), at("key.pem"), at("server.p12"), "changeit", at("ca.pem"), at("another_ca.pem"))
        ca_key, key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        ca = _signed("ca", ca_key.public_key(), "ca", ca_key, is_ca=True)
        server = _signed("localhost", key.public_key(), "ca", ca_key, is_ca=False)
        another_ca = _signed("other", other.public_key(), "other", other, is_ca=True)
        for file, certificate in ((made.ca, ca), (made.server, server), (made.another_ca, another_ca)):
            file.write_bytes(certificate.public_bytes(Encoding.PEM))
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        sealed = BestAvailableEncryption(made.password.encode())
        made.pkcs12.write_bytes(serialize_key_and_certificates(b"tidegate", key, server, [ca], sealed))
        return made


def _signed(
    name: str, key: ec.EllipticCurvePublicKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
