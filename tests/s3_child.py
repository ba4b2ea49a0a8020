"""
A server that speaks S3, in a process of its own: prints its port, ends with its input.
"""

import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    """
    Serve until standard input is closed.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
