"""A WebSocket as the package `wsproto` sees it, on any stream of bytes: what HTTP/2 and HTTP/3 carry is the same."""

from collections import deque

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate


def offer_fields(subprotocols, deflate):
    """The fields of an opening handshake that are the same for every version of HTTP, and the extensions offered."""
    fields = [("sec-websocket-version", "13")]
    extensions = []
    if subprotocols:
        fields.append(("sec-websocket-protocol", ", ".join(subprotocols)))
    if deflate is not None:
        extension = PerMessageDeflate(**deflate)
        fields.append(("sec-websocket-extensions", f"permessage-deflate; {extension.offer()}"))
        extensions.append(extension)
    return fields, extensions


class Session:
    """The client's side of one WebSocket.

    `pipe` has `async write(bytes)`, `async read()` (None at the end of the stream), and `async end()`.
    `answer` are the fields of the server's answer.
    """

    def __init__(self, pipe, answer, extensions):
        self.subprotocol = answer.get("sec-websocket-protocol")
        self.extensions = answer.get("sec-websocket-extensions", "")
        for extension in extensions:
            if extension.name in self.extensions:
                extension.finalize(self.extensions)
        self.received = 0
        self._pipe = pipe
        self._protocol = Connection(ConnectionType.CLIENT, [e for e in extensions if e.enabled()])
        self._pieces = []
        self._messages = deque()
        self._pongs = deque()
        self._close = None

    async def send(self, message):
        await self._send(self._event(message, True))

    async def send_fragments(self, pieces):
        for number, piece in enumerate(pieces):
            await self._send(self._event(piece, number == len(pieces) - 1))

    async def receive(self):
        await self._until(lambda: self._messages)
        return self._messages.popleft()

    async def ping(self, payload):
        await self._send(Ping(payload))
        await self._until(lambda: self._pongs)
        pong = self._pongs.popleft()
        if pong != payload:
            raise AssertionError(f"the pong has {pong!r}")

    async def close(self, code, reason):
        await self._send(CloseConnection(code, reason))
        await self._until(lambda: self._close)
        await self._pipe.end()
        return self._close.code, self._close.reason or ""

    async def closed(self):
        await self._until(lambda: self._close)
        await self._send(self._close.response())
        await self._pipe.end()
        return self._close.code, self._close.reason or ""

    async def _send(self, event):
        await self._pipe.write(self._protocol.send(event))

    async def _until(self, condition):
        """Reads until the condition holds."""
        while not condition():
            if self._close:
                raise ConnectionError(f"the server closed: {self._close}")
            data = await self._pipe.read()
            if data is None:
                raise ConnectionError("the stream ended without a Close frame")
            self.received += len(data)
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                await self._take(event)

    async def _take(self, event):
        match event:
            case TextMessage() | BytesMessage():
                self._pieces.append(event.data)
                if event.message_finished:
                    empty = "" if isinstance(event, TextMessage) else b""
                    self._messages.append(empty.join(self._pieces))
                    self._pieces.clear()
            case Ping():
                await self._send(event.response())
            case Pong():
                self._pongs.append(bytes(event.payload))
            case CloseConnection():
                self._close = event

    @staticmethod
    def _event(piece, is_last):
        kind = TextMessage if isinstance(piece, str) else BytesMessage
        return kind(piece, message_finished=is_last)
