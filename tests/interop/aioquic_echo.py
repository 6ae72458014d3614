"""An echo server over HTTP/3 with the packages `aioquic` and `wsproto`: aioquic_echo.py PORT CERTIFICATE KEY"""

import asyncio
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

SUBPROTOCOL = "interop.v1"
MESSAGE_BYTES_MAX = 4 << 20


class WebSocket:
    """The server's side of one WebSocket: bytes in, bytes out."""

    def __init__(self, request):
        self.answer = [(b":status", b"200")]
        offered = [name.strip() for name in request.get("sec-websocket-protocol", "").split(",")]
        if SUBPROTOCOL in offered:
            self.answer.append((b"sec-websocket-protocol", SUBPROTOCOL.encode()))
        extensions = []
        for offer in request.get("sec-websocket-extensions", "").split(","):
            deflate = PerMessageDeflate()
            parameters = deflate.accept(offer.strip()) if offer.strip().startswith(deflate.name) else None
            if parameters is not None:
                agreed = "; ".join(filter(None, [deflate.name, parameters]))
                self.answer.append((b"sec-websocket-extensions", agreed.encode()))
                extensions.append(deflate)
                break
        self._protocol = Connection(ConnectionType.SERVER, extensions)
        self._path = request[":path"].split("/")
        self._pieces = []

    @property
    def is_closed(self):
        return self._protocol.state is ConnectionState.CLOSED

    def opened(self):
        """What is sent right after the handshake."""
        if self._path[1] != "close":
            return b""
        return self._protocol.send(CloseConnection(int(self._path[2]), "as the path asks"))

    def receive(self, data):
        """Takes bytes, returns what to answer."""
        self._protocol.receive_data(data)
        return b"".join(self._answer(event) for event in self._protocol.events())

    def _answer(self, event):
        match event:
            case TextMessage() | BytesMessage():
                self._pieces.append(event.data)
                if sum(map(len, self._pieces)) > MESSAGE_BYTES_MAX:
                    return self._protocol.send(CloseConnection(1009))
                if not event.message_finished:
                    return b""
                message = type(event.data)().join(self._pieces)
                self._pieces.clear()
                return self._protocol.send(type(event)(message))
            case Ping():
                return self._protocol.send(event.response())
            case CloseConnection() if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                return self._protocol.send(event.response())
        return b""


class Server(QuicConnectionProtocol):
    """One connection of HTTP/3, with many WebSockets and requests."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._http = H3Connection(self._quic)
        self._websockets = {}

    def quic_event_received(self, event):
        """Called by aioquic for each event of the transport."""
        if isinstance(event, StreamReset):
            self._websockets.pop(event.stream_id, None)
        for http_event in self._http.handle_event(event):
            match http_event:
                case HeadersReceived():
                    self._request(http_event)
                case DataReceived():
                    self._data(http_event)
        self.transmit()

    def _request(self, event):
        fields = {name.decode(): value.decode() for name, value in event.headers}
        if fields[":method"] == "CONNECT" and fields.get(":protocol") == "websocket":
            websocket = WebSocket(fields)
            self._http.send_headers(event.stream_id, websocket.answer)
            self._websockets[event.stream_id] = websocket
            self._send(event.stream_id, websocket.opened())
        else:
            self._http.send_headers(event.stream_id, [(b":status", b"200")])
            self._http.send_data(event.stream_id, b"This is an echo server. Open a WebSocket.\n", True)

    def _data(self, event):
        websocket = self._websockets.get(event.stream_id)
        if websocket is None:
            return
        self._send(event.stream_id, websocket.receive(event.data))
        if websocket.is_closed or event.stream_ended:
            del self._websockets[event.stream_id]
            self._http.send_data(event.stream_id, b"", True)

    def _send(self, stream, data):
        if data:
            self._http.send_data(stream, data, False)


async def main(port, certificate, key):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(certificate, key)
    await serve("127.0.0.1", int(port), configuration=configuration, create_protocol=Server)
    print(f"echoing at wss://127.0.0.1:{port}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
