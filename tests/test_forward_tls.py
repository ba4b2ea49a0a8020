"""
Forwarding to endpoints that ask for a certificate.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates, make_certificates
from cryptography.hazmat.primitives import serialization
from otlp_servers import grpc_endpoint, http_endpoint
from stored import store
from trees import span

from otel_bridge.cli.main import run_with
from otel_bridge.forwarder.destination import Destination, DestinationError
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo
from otel_bridge.forwarder.route import Sender
from otel_bridge.forwarder.worker import sender_for
from otel_bridge.otlp import encode_traces

URL = "https://localhost:4317"
REQUEST = encode_traces([span(1, 1, name="a")])


@pytest.fixture
def known(tmp_path: Path) -> Certificates:
    """
    Give certificates of the endpoint's authority.
    """
    return make_certificates(tmp_path)


@pytest.fixture
def foreign(tmp_path: Path) -> Certificates:
    """
    Give certificates of another authority.
    """
    folder = tmp_path / "foreign"
    folder.mkdir()
    return make_certificates(folder)


@contextmanager
def sending(url: str, **files: Path) -> Iterator[Sender]:
    """
    Open a sender with these files.
    """
    named: dict[str, Any] = {key: str(file) for key, file in files.items()}
    protocol: Any = "http/protobuf" if url.endswith("traces") else "grpc"
    with closing(sender_for(Destination(url=url, protocol=protocol, **named))) as sender:
        yield sender


@pytest.mark.parametrize("serve", [http_endpoint, grpc_endpoint])
def test_an_endpoint_that_asks_for_a_certificate_is_shown_one(
    serve: Any,
    known: Certificates,
    foreign: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A destinations file names the authority, the certificate and its key, and they count,
    whatever the environment says that other programs should trust.
    """
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(foreign.authority))
    monkeypatch.setenv("CERTIFICATES", str(tmp_path))
    path = tmp_path / "runs.db"
    store(path, [[span(1, n, name=str(n)) for n in (1, 2)]])
    with serve(tls=known) as endpoint:
        file = tmp_path / "to.toml"
        file.write_text(
            f"""
            [[destination]]
            url = "{endpoint.url}"
            since = "all"
            certificate = "${{env:CERTIFICATES}}/{known.authority.name}"
            client_certificate = "${{env:CERTIFICATES}}/{known.client.name}"
            client_key = "${{env:CERTIFICATES}}/{known.client_key.name}"
            """,
            encoding="utf-8",
        )
        assert run_with(["forward", "--destinations", str(file), "--db", str(path)]) == 0
        assert endpoint.names == ["1", "2"]


@pytest.mark.parametrize("serve", [http_endpoint, grpc_endpoint])
def test_nothing_is_sent_without_the_right_certificate(
    serve: Any, known: Certificates, foreign: Certificates, tmp_path: Path
) -> None:
    """
    Neither side speaks to a stranger: not to a client without a certificate of the
    authority, and not to an endpoint without one that is trusted.
    """
    own = {"client_certificate": known.client, "client_key": known.client_key}
    others = {"client_certificate": foreign.client, "client_key": foreign.client_key}
    with serve(tls=known) as endpoint:
        for files in (
            {"certificate": known.authority},
            {"certificate": known.authority, **others},
            {"certificate": foreign.authority, **own},
            own,
        ):
            with sending(endpoint.url, **files) as sender:
                assert isinstance(sender.send("traces", REQUEST), NotNow | NotSo)
        assert endpoint.asked == 0


@pytest.mark.parametrize("serve", [http_endpoint, grpc_endpoint])
def test_a_renewed_certificate_is_used_without_a_restart(
    serve: Any, known: Certificates, foreign: Certificates, tmp_path: Path
) -> None:
    """
    One file may hold certificate and key, and what is written there later is what counts.
    """
    both = tmp_path / "both.pem"
    both.write_bytes(foreign.client_key.read_bytes() + foreign.client.read_bytes())
    with (
        serve(tls=known) as endpoint,
        sending(endpoint.url, certificate=known.authority, client_certificate=both) as sender,
    ):
        assert isinstance(sender.send("traces", REQUEST), NotNow | NotSo)
        both.write_bytes(known.client_key.read_bytes() + known.client.read_bytes())
        assert isinstance(sender.send("traces", REQUEST), Accepted)
        assert endpoint.names == ["a"]


def encrypted(key: Path) -> bytes:
    """
    Put a password on a key.
    """
    opened = serialization.load_pem_private_key(key.read_bytes(), None)
    return opened.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize("url", [URL, f"{URL}/v1/traces"])
def test_files_that_cannot_be_used_are_named(
    url: str, known: Certificates, foreign: Certificates, tmp_path: Path
) -> None:
    """
    What is wrong with a file is told as the trouble, and nobody is asked for a password.
    """
    missing, nonsense, locked = (tmp_path / name for name in ("missing", "nonsense", "locked"))
    nonsense.write_text("no PEM at all", encoding="utf-8")
    locked.write_bytes(encrypted(known.client_key))
    for files, named, says in (
        ({"certificate": missing}, missing, "No such file"),
        ({"certificate": nonsense}, nonsense, "no certificate"),
        ({"client_certificate": known.client, "client_key": locked}, locked, "encrypted"),
        ({"client_certificate": known.client}, known.client, "both a certificate and its key"),
        (
            {"client_certificate": known.client, "client_key": foreign.client_key},
            foreign.client_key,
            "no certificate and its key",
        ),
    ):
        with sending(url, **files) as sender:
            outcome = sender.send("traces", REQUEST)
        assert isinstance(outcome, NotSo)
        assert str(named) in outcome.reason
        assert says in outcome.reason


def test_files_that_have_no_use_are_refused() -> None:
    """
    A key without a certificate, and certificates for an endpoint without TLS, are mistakes.
    """
    with pytest.raises(DestinationError, match="client_certificate that it is for"):
        Destination(url=URL, client_key="key.pem")
    with pytest.raises(DestinationError, match="https"):
        Destination(url="http://localhost:4317", certificate="ca.pem")


def test_the_usual_mistakes_are_named(known: Certificates) -> None:
    """
    A port of the other protocol, an address with TLS or without, and a certificate of an
    authority that is not trusted are told as such, over both protocols.
    """
    with http_endpoint() as plain, http_endpoint(tls=known) as secure:
        bare = plain.base
        told = {
            trouble_of(bare): f"speaks no gRPC: for OTLP/HTTP give {bare}/v1/traces",
            trouble_of(bare.replace("http:", "https:")): "speaks no TLS: give it as http://",
            trouble_of(plain.url.replace("http:", "https:")): "speaks no TLS: give it as http://",
            trouble_of(secure.url): "not trusted: name its authority as certificate",
            trouble_of(secure.url.replace("https:", "http:")): "or want https://",
        }
    with grpc_endpoint() as plain, grpc_endpoint(tls=known) as secure:
        told |= {
            trouble_of(f"{plain.url}/v1/traces"): "a port for gRPC",
            trouble_of(secure.url.replace("https:", "http:")): "it may want https://",
        }
    for reason, hint in told.items():
        assert hint in reason


def trouble_of(url: str) -> str:
    """
    Say why an endpoint takes nothing.
    """
    with sending(url) as sender:
        outcome = sender.send("traces", REQUEST)
    assert isinstance(outcome, NotNow | NotSo)
    return outcome.reason
