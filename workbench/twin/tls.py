"""A throw-away certificate authority and one server certificate, so that TLS on loopback is checked like anywhere.

The authority's key is never written: nobody can sign another certificate with it.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError
from workbench.twin.private import write_private

LIFE = timedelta(days=7)  # longer than any test, short enough that a forgotten file is worth nothing
EARLIER = timedelta(days=1)  # valid before now too: a client's clock may be skewed on purpose


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files are: clients trust `authority`, the server shows `certificate` and signs with `key`."""

    authority: Path
    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """What the server listens with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        """What a client connects with: it trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.authority))


def issue(hosts: Sequence[str], folder: Path, *, now: int) -> Papers:
    """Writes an authority and a certificate for these names and addresses into `folder`, mode 0600; now is UTC ns."""
    if not hosts:
        raise ConfigError("certificate: expected at least one host name or address")
    born = datetime.fromtimestamp(now // SECOND, UTC)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, born)
    server = _server(hosts, server_key, authority=authority, signer=authority_key, born=born)
    return Papers(
        authority=write_private(folder / "authority.pem", authority.public_bytes(Encoding.PEM)),
        certificate=write_private(folder / "certificate.pem", server.public_bytes(Encoding.PEM)),
        key=write_private(
            folder / "key.pem", server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        ),
    )


def _authority(key: ec.EllipticCurvePrivateKey, born: datetime) -> x509.Certificate:
    name = _name("Local exchange, throw-away authority")
    return (
        _draft(name, issuer=name, key=key, born=born)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )


def _server(
    hosts: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    born: datetime,
) -> x509.Certificate:
    return (
        _draft(_name("Local exchange"), issuer=authority.subject, key=key, born=born)
        .add_extension(x509.SubjectAlternativeName([_san(each) for each in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA256())
    )


def _draft(
    subject: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, born: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born - EARLIER)
        .not_valid_after(born + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
