"""
Many hosts, each with a bridge of its own, and one bridge for all with PostgreSQL, as
hosts.yaml starts it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from backends import POSTGRES, Backend
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from peers import Bridge, bridge, options_of, running, wait_until
from sdk_traces import content_of, sending

pytestmark = pytest.mark.peers

FOLDER = Path(__file__).parents[1] / "collector-config"
TOKEN = "sesame-open-for-spans"


@pytest.fixture
def central(tmp_path: Path, postgres_url: str) -> Iterator[Bridge]:
    """
    The bridge for all hosts, running as hosts.yaml says.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "tls-key.pem"))
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(str(tmp_path / "tls-cert.pem"), append=number > 0)
    (tmp_path / "ingest-token").write_text(TOKEN, encoding="utf-8")
    (tmp_path / "read-token").write_text("sesame-open-for-figures", encoding="utf-8")
    backend = Backend(POSTGRES, tmp_path, postgres_url)
    found = bridge(
        tmp_path,
        *options_of(FOLDER / "hosts.yaml", tmp_path),
        database=backend.target,
        authority=tmp_path / "authority.pem",
    )
    try:
        with running(found.program):
            yield found
    finally:
        backend.close()


def host(folder: Path, central: Bridge) -> Bridge:
    """
    Give the bridge of one host, which sends on by central.toml; not yet started.
    """
    folder.mkdir()
    # A certificate of this test's own is trusted by a variable, elsewhere by `certificate`.
    return bridge(
        folder,
        "--destinations",
        FOLDER / "destinations" / "central.toml",
        variables={
            "CENTRAL_URL": f"https://127.0.0.1:{central.grpc}",
            "CENTRAL_TOKEN": TOKEN,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(central.program.authority),
        },
    )


def test_one_bridge_has_the_spans_of_all_hosts(central: Bridge, tmp_path: Path) -> None:
    """
    Spans that two hosts record, before, while and after the bridge for all is killed, are
    in its PostgreSQL whole and once.
    """
    hosts = [host(tmp_path / name, central) for name in ("one", "two")]
    with ExitStack() as stack:
        senders = []
        for each in hosts:
            stack.enter_context(running(each.program))
            exporter = OTLPSpanExporter(f"http://127.0.0.1:{each.grpc}", insecure=True)
            senders.append(stack.enter_context(sending(exporter)))
        traces = [sender.send_every_kind() for sender in senders]
        central.program.kill()
        traces += [sender.send_small() for sender in senders]
        central.program.start()
        traces += [sender.send_small() for sender in senders]
        wanted = sorted(span_id for sender in senders for span_id in sender.span_ids)
        wait_until(
            lambda: central.span_ids(*dict.fromkeys(traces)) == wanted, "the spans of all hosts"
        )
        sent = [sender.sent for sender in senders]
        assert content_of(central.spans(*dict.fromkeys(traces))) == content_of(*sent)
