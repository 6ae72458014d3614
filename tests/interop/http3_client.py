"""Checks a server over HTTP/3 (RFC 9220) with the packages `aioquic` and `wsproto`: http3_client.py wss://127.0.0.1:9443"""

import asyncio
import contextlib
import ssl
from importlib.metadata import version
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol
from aioquic.asyncio import connect as quic_connect
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection, Setting
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

import checks
from session import Session, offer_fields


class Stream:
    """One request stream, as a pipe of bytes."""

    def __init__(self, carrier, number):
        self.answer = asyncio.get_running_loop().create_future()
        self.chunks = asyncio.Queue()
        self._carrier = carrier
        self._number = number

    async def read(self):
        chunk = await self.chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def write(self, data, end_stream=False):
        self._carrier.http.send_data(self._number, data, end_stream)
        self._carrier.transmit()

    async def end(self):
        if self._carrier.resets:
            self._carrier.reset(self._number)
        else:
            await self.write(b"", True)


class Carrier(QuicConnectionProtocol):
    """A connection of HTTP/3."""

    version = "3"
    shared = True
    secure = True
    resets = False

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)
        self._streams = {}
        self._settings = asyncio.Event()
        self._failure = None

    async def ready(self, authority):
        """Waits for the server's settings: without them a client must not ask for a WebSocket (RFC 9220 section 3)."""
        self._authority = authority
        await self._settings.wait()
        if self._failure:
            raise self._failure
        if (self.http.received_settings or {}).get(Setting.ENABLE_CONNECT_PROTOCOL) != 1:
            raise ConnectionError("the server does not announce SETTINGS_ENABLE_CONNECT_PROTOCOL")
        return self

    async def open(self, path, subprotocols=(), deflate=None):
        fields, extensions = offer_fields(subprotocols, deflate)
        stream = self._request("CONNECT", path, [(":protocol", "websocket")], fields, False)
        answer = await stream.answer
        if answer[":status"] != "200":
            raise ConnectionError(f"the answer is {answer}")
        return Session(stream, answer, extensions)

    async def get(self, path):
        stream = self._request("GET", path, [], [], True)
        answer = await stream.answer
        while await stream.read() is not None:
            pass
        return int(answer[":status"])

    def reset(self, number):
        self._quic.reset_stream(number, ErrorCode.H3_REQUEST_CANCELLED)
        self.transmit()

    async def leave(self):
        await self.exits.aclose()

    def quic_event_received(self, event):
        """Called by aioquic for each event of the transport."""
        match event:
            case StreamReset():
                stream = self._streams.get(event.stream_id)
                if stream:
                    self._break(stream, ConnectionResetError(f"the stream was reset: {event.error_code:#x}"))
            case ConnectionTerminated():
                self._failure = ConnectionError(f"the connection ended: {event.error_code:#x} {event.reason_phrase}")
                for stream in self._streams.values():
                    self._break(stream, self._failure)
                self._settings.set()
        for http_event in self.http.handle_event(event):
            self._take(http_event)
        if self.http.received_settings is not None:
            self._settings.set()

    def _take(self, event):
        stream = self._streams.get(getattr(event, "stream_id", None))
        if stream is None:
            return
        match event:
            case HeadersReceived():
                stream.answer.set_result({name.decode(): value.decode() for name, value in event.headers})
            case DataReceived():
                if event.data:
                    stream.chunks.put_nowait(event.data)
        if event.stream_ended:
            stream.chunks.put_nowait(None)

    def _request(self, method, path, pseudo, fields, is_whole):
        number = self._quic.get_next_available_stream_id()
        head = [(":method", method), *pseudo, (":scheme", "https"), (":path", path), (":authority", self._authority)]
        self._streams[number] = Stream(self, number)
        self.http.send_headers(number, [(n.encode(), v.encode()) for n, v in head + fields], is_whole)
        self.transmit()
        return self._streams[number]

    @staticmethod
    def _break(stream, error):
        if not stream.answer.done():
            stream.answer.set_exception(error)
        stream.chunks.put_nowait(error)


async def connect(url):
    parts = urlsplit(url)
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE)
    exits = contextlib.AsyncExitStack()
    client = quic_connect(parts.hostname, parts.port, configuration=configuration, create_protocol=Carrier)
    carrier = await exits.enter_async_context(client)
    carrier.exits = exits
    return await carrier.ready(parts.netloc)


if __name__ == "__main__":
    checks.main(f"aioquic {version('aioquic')} + wsproto {version('wsproto')}", connect)
