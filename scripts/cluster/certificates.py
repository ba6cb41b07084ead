"""Makes the certificate authority, the certificates and the signing key of one cluster, once.

Everything is for this machine's loopback and lies in the cluster's own folder. It must not replace a key that exists:
kubeconfigs and service account tokens depend on it.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scripts.cluster import state
from scripts.cluster.problems import ClusterProblem

_LIFE = datetime.timedelta(days=3650)
_SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure(folder: Path) -> None:
    """Make what is missing in `folder`: ca.crt, ca.key, server.crt/.key, proxy-client.crt/.key, sa.key."""
    authority = _authority(folder)
    _issue(folder, "server", authority, ExtendedKeyUsageOID.SERVER_AUTH)
    # The API server shows this one to the aggregated servers behind it.
    _issue(folder, "proxy-client", authority, ExtendedKeyUsageOID.CLIENT_AUTH)
    if not (folder / "sa.key").is_file():
        state.write(folder / "sa.key", _pem(ec.generate_private_key(ec.SECP256R1())))


def _authority(folder: Path) -> Authority:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if certificate.is_file() and key.is_file():
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ClusterProblem(f"{key}: not a key of ours. Forget the cluster (reset).")
        return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)
    fresh = ec.generate_private_key(ec.SECP256R1())
    name = _name("mcd-local-cluster")
    signed = (
        _blank(name, name, fresh)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(fresh, hashes.SHA256())
    )
    state.write(key, _pem(fresh))
    state.write(certificate, signed.public_bytes(serialization.Encoding.PEM).decode())
    return Authority(signed, fresh)


def _issue(folder: Path, stem: str, authority: Authority, usage: x509.ObjectIdentifier) -> None:
    if (folder / f"{stem}.crt").is_file() and (folder / f"{stem}.key").is_file():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(each) for each in _SERVER_NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in _SERVER_ADDRESSES]
    signed = (
        _blank(_name(stem), authority.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    state.write(folder / f"{stem}.key", _pem(key))
    state.write(folder / f"{stem}.crt", signed.public_bytes(serialization.Encoding.PEM).decode())


def _blank(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFE)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    # Kubernetes reads the traditional form everywhere.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
