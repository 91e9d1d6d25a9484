"""TLS towards the nodes: authorities and client certificate from PEM or PKCS#12 files."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates, load_pkcs12

from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import Config

_PREFIX = "elastic.https.ssl."


def tls_context(config: Config) -> ssl.SSLContext:
    """What connections to ``https://`` URLs are made with.

    Raises:
        ConfigError: a file can not be read.
    """
    if config["elastic.security.protocol"] != "SSL":
        return ssl.create_default_context()
    context = _trusting(config)
    if not config[_PREFIX + "endpoint.identification.algorithm"]:
        context.check_hostname = False
    keystore = config[_PREFIX + "keystore.location"]
    if keystore:
        try:
            _load_identity(context, Path(keystore), config)
        except (OSError, ValueError) as error:
            raise _unreadable(_PREFIX + "keystore.location", keystore, error) from None
    return context


def _trusting(config: Config) -> ssl.SSLContext:
    location = config[_PREFIX + "truststore.location"]
    if not location:
        return ssl.create_default_context()
    try:
        data = Path(location).read_bytes()
        if b"-----BEGIN" in data:
            return ssl.create_default_context(cadata=data.decode("ascii"))
        store = _pkcs12(data, config[_PREFIX + "truststore.password"])
        certificates = [entry.certificate for entry in (store.cert, *store.additional_certs) if entry is not None]
        texts = [certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates]
        return ssl.create_default_context(cadata="".join(texts))
    except (OSError, ValueError) as error:
        raise _unreadable(_PREFIX + "truststore.location", location, error) from None


def _load_identity(context: ssl.SSLContext, path: Path, config: Config) -> None:
    data = path.read_bytes()
    if b"-----BEGIN" in data:
        context.load_cert_chain(path, password=config[_PREFIX + "key.password"] or "")
        return
    store = _pkcs12(data, config[_PREFIX + "keystore.password"])
    if store.key is None or store.cert is None:
        raise ValueError("it holds no private key with its certificate")
    # The ssl module reads keys from files only: one that nobody else can read, sealed, and gone at once.
    password = os.urandom(16).hex()
    sealed = BestAvailableEncryption(password.encode())
    chain = [store.cert.certificate, *(entry.certificate for entry in store.additional_certs)]
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(store.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
        file.writelines(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        file.flush()
        context.load_cert_chain(file.name, password=password)


def _pkcs12(data: bytes, password: str | None) -> PKCS12KeyAndCertificates:
    return load_pkcs12(data, password.encode() if password else None)


def _unreadable(key: str, location: str, error: Exception) -> ConfigError:
    problem = f"{location} can not be read ({error}): give PEM or PKCS#12 and its password; keytool -importkeystore "
    return ConfigError([ConfigProblem(key, problem + "-deststoretype PKCS12 makes that of a JKS")])
