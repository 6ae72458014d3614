"""Checks a server over HTTP/2 (RFC 8441) with the packages `h2` and `wsproto`: http2_client.py ws://127.0.0.1:9001

With ws:// it speaks HTTP/2 over cleartext with prior knowledge, with wss:// it offers nothing but h2 to TLS.
"""

import asyncio
import contextlib
import ssl
from importlib.metadata import version
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

import checks
from session import Session, offer_fields

# The receive window of each stream. That of the connection must hold many of them.
STREAM_WINDOW = 1 << 18
CONNECTION_WINDOW = 1 << 26


class Stream:
    """One stream of the connection, as a pipe of bytes."""

    def __init__(self, carrier, number):
        self.number = number
        self.answer = asyncio.get_running_loop().create_future()
        self.chunks = asyncio.Queue()
        self._carrier = carrier
        self._protocol = carrier.protocol

    async def read(self):
        chunk = await self.chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def write(self, data):
        while data:
            room = min(self._protocol.local_flow_control_window(self.number), self._protocol.max_outbound_frame_size)
            if room == 0:
                await self._carrier.window_opens()
                continue
            self._protocol.send_data(self.number, data[:room])
            data = data[room:]
            await self._carrier.flush()

    async def end(self):
        # A server may have reset the stream already, now that both have closed.
        with contextlib.suppress(StreamClosedError):
            if self._carrier.resets:
                self._protocol.reset_stream(self.number, ErrorCodes.CANCEL)
            else:
                self._protocol.end_stream(self.number)
        await self._carrier.flush()


class Carrier:
    """A connection of HTTP/2 and the task that reads it."""

    version = "2"
    shared = True
    resets = False

    def __init__(self, reader, writer, url):
        self.secure = url.scheme == "wss"
        self.protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._reader = reader
        self._writer = writer
        self._authority = url.netloc
        self._streams = {}
        self._settings = asyncio.Event()
        self._opened = asyncio.Event()
        self.protocol.initiate_connection()
        self.protocol.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW})
        self.protocol.increment_flow_control_window(CONNECTION_WINDOW)
        self._task = asyncio.create_task(self._read())

    async def ready(self):
        """Waits for the server's settings: without them a client must not ask for a WebSocket (RFC 8441 section 3)."""
        await self.flush()
        await self._settings.wait()
        if not self.protocol.remote_settings.enable_connect_protocol:
            raise ConnectionError("the server does not announce SETTINGS_ENABLE_CONNECT_PROTOCOL")
        return self

    async def open(self, path, subprotocols=(), deflate=None):
        fields, extensions = offer_fields(subprotocols, deflate)
        stream = self._request("CONNECT", path, [(":protocol", "websocket")], fields, False)
        answer = await self._answer(stream)
        if answer[":status"] != "200":
            raise ConnectionError(f"the answer is {answer}")
        return Session(stream, answer, extensions)

    async def get(self, path):
        stream = self._request("GET", path, [], [], True)
        answer = await self._answer(stream)
        while await stream.read() is not None:
            pass
        return int(answer[":status"])

    async def leave(self):
        self.protocol.close_connection()
        await self.flush()
        self._task.cancel()
        self._writer.close()

    async def flush(self):
        self._writer.write(self.protocol.data_to_send())
        await self._writer.drain()

    async def window_opens(self):
        self._opened.clear()
        await self._opened.wait()

    def _request(self, method, path, pseudo, fields, is_whole):
        number = self.protocol.get_next_available_stream_id()
        scheme = "https" if self.secure else "http"
        head = [(":method", method), *pseudo, (":scheme", scheme), (":path", path), (":authority", self._authority)]
        self.protocol.send_headers(number, head + fields, end_stream=is_whole)
        self._streams[number] = Stream(self, number)
        return self._streams[number]

    async def _answer(self, stream):
        await self.flush()
        return await stream.answer

    async def _read(self):
        try:
            while data := await self._reader.read(1 << 16):
                for event in self.protocol.receive_data(data):
                    self._take(event)
                await self.flush()
            raise ConnectionError("the server ended the connection")
        except Exception as error:
            self._fail(error)

    def _take(self, event):
        stream = self._streams.get(getattr(event, "stream_id", None))
        match event:
            case h2.events.RemoteSettingsChanged():
                self._settings.set()
                self._opened.set()
            case h2.events.WindowUpdated():
                self._opened.set()
            case h2.events.ResponseReceived():
                stream.answer.set_result(dict(event.headers))
            case h2.events.DataReceived():
                # A test reads all that comes, so the window is given back at once.
                self.protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                stream.chunks.put_nowait(event.data)
            case h2.events.StreamEnded():
                stream.chunks.put_nowait(None)
            case h2.events.StreamReset():
                self._break(stream, ConnectionResetError(f"the stream was reset: {event.error_code}"))
            case h2.events.ConnectionTerminated():
                self._fail(ConnectionError(f"GOAWAY {event.error_code} {event.additional_data}"))

    def _fail(self, error):
        for stream in self._streams.values():
            self._break(stream, error)
        self._settings.set()
        self._opened.set()

    @staticmethod
    def _break(stream, error):
        if not stream.answer.done():
            stream.answer.set_exception(error)
        stream.chunks.put_nowait(error)


async def connect(url):
    parts = urlsplit(url)
    tls = None
    if parts.scheme == "wss":
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    if tls and writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        raise ConnectionError("the server did not choose h2")
    return await Carrier(reader, writer, parts).ready()


if __name__ == "__main__":
    checks.main(f"Python h2 {version('h2')} + wsproto {version('wsproto')}", connect)
