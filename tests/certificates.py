"""
Certificates of an authority that only a test knows.
"""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """
    Files of an authority, of a server and of a client.
    """

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """
    Make certificates for this machine, and for a client.
    """
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    client = authority.issue_cert("client@example.com")
    made = Certificates(*(folder / f"{n}.pem" for n in ("ca", "cert", "key", "ccert", "ckey")))
    authority.cert_pem.write_to_path(str(made.authority))
    for issued, chain, key in (
        (server, made.server, made.server_key),
        (client, made.client, made.client_key),
    ):
        issued.private_key_pem.write_to_path(str(key))
        for number, pem in enumerate(issued.cert_chain_pems):
            pem.write_to_path(str(chain), append=number > 0)
    return made
