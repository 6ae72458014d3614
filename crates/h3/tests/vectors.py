"""Prints the bytes in tests/engine/vectors.rs, as lsqpack and aioquic write them.

    pip install aioquic==1.7.2 pylsqpack==1.0.0
    python crates/h3/tests/vectors.py
"""

import pylsqpack
from aioquic.h3.connection import H3Connection
from aioquic.quic.configuration import QuicConfiguration

WEBSOCKET = [
    (b":method", b"CONNECT"),
    (b":scheme", b"https"),
    (b":authority", b"localhost:4433"),
    (b":path", b"/ws"),
    (b":protocol", b"websocket"),
    (b"user-agent", b"aioquic/1.2"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-protocol", b"stoa.chat.v1"),
]
RESPONSE = [
    (b":status", b"200"),
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-length", b"1234"),
    (b"server", b"aioquic"),
    (b"x-frame-options", b"deny"),
    (b"vary", b"origin"),
    (b"x-odd", b"\x22\x5c\x7e\xff\xc3\xa4"),
    (b"x-empty", b""),
]
NOT_FOUND = [(b":status", b"404")]
PAGE = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"a.example"),
    (b":path", b"/index.html?q=%20"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"cookie", b"a=b"),
    (b"cookie", b"c=d"),
    (b"authorization", b"Bearer abc"),
]
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")


class Wire:
    """A QUIC connection that only remembers what is written."""

    def __init__(self, is_client):
        self.configuration = QuicConfiguration(is_client=is_client)
        self._quic_logger = None
        self._remote_max_datagram_frame_size = None
        self.next_unidirectional = 2 if is_client else 3
        self.written = {}

    def get_next_available_stream_id(self, is_unidirectional=False):
        if not is_unidirectional:
            return 0
        stream_id = self.next_unidirectional
        self.next_unidirectional += 4
        return stream_id

    def send_stream_data(self, stream_id, data, end_stream=False):
        self.written[stream_id] = self.written.get(stream_id, b"") + data


def show(what, data):
    escaped = "".join(f"\\x{byte:02x}" for byte in data)
    print(f'{what}: b"{escaped}"')


def main():
    for name, fields in [("websocket", WEBSOCKET), ("response", RESPONSE), ("not found", NOT_FOUND), ("page", PAGE)]:
        stream, section = pylsqpack.Encoder().encode(0, fields)
        assert stream == b"", "no dynamic table, so nothing for it"
        show(f"section {name}", section)

    wire = Wire(is_client=True)
    client = H3Connection(wire)
    client.send_headers(0, WEBSOCKET)
    client.send_data(0, HELLO, False)
    client.send_data(0, b"", True)
    for stream_id, data in wire.written.items():
        show(f"client stream {stream_id}", data)

    wire = Wire(is_client=False)
    server = H3Connection(wire)
    server.send_headers(0, [(b":status", b"103"), (b"link", b"</s.css>")])
    server.send_headers(0, [(b":status", b"200"), (b"server", b"aioquic")])
    server.send_data(0, b"hello", False)
    server.send_headers(0, [(b"x-sum", b"1")], True)
    for stream_id, data in wire.written.items():
        show(f"server stream {stream_id}", data)


main()
