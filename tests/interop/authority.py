"""Makes an authority for one run, and a certificate of it for 127.0.0.1: authority.py FOLDER

Writes ca.pem, server.pem and server.key.
"""

import datetime
import ipaddress
import os
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, signer, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


def main():
    folder = pathlib.Path(sys.argv[1])
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = certificate("interop", "interop", ca_key, ca_key, [
        (x509.BasicConstraints(True, None), True), (usage, True), (identifier, False),
    ])
    server = certificate("127.0.0.1", "interop", key, ca_key, [
        (x509.BasicConstraints(False, None), True),
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
    ])
    for name, made in [("ca.pem", ca), ("server.pem", server)]:
        (folder / name).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    place = os.open(folder / "server.key", os.O_WRONLY | os.O_CREAT, 0o600)
    with open(place, "wb") as file:
        file.write(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))


if __name__ == "__main__":
    main()
