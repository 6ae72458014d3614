"""Checks a server over HTTP/1.1 with the package `websockets`: http1_client.py ws://127.0.0.1:9001"""

import ssl
from importlib.metadata import version

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

import checks


class Session:
    """One WebSocket, which is the whole TCP connection."""

    received = None

    def __init__(self, socket):
        self._socket = socket
        self.subprotocol = socket.subprotocol
        self.extensions = ", ".join(extension.name for extension in socket.protocol.extensions)

    async def send(self, message):
        await self._socket.send(message)

    async def send_fragments(self, pieces):
        await self._socket.send(pieces)

    async def receive(self):
        return await self._socket.recv()

    async def ping(self, payload):
        await (await self._socket.ping(payload))

    async def close(self, code, reason):
        await self._socket.close(code, reason)
        return self._socket.close_code, self._socket.close_reason

    async def closed(self):
        await self._socket.wait_closed()
        return self._socket.close_code, self._socket.close_reason


class Carrier:
    """Opens a TCP connection for each WebSocket."""

    version = "1.1"
    shared = False

    def __init__(self, url):
        self.secure = url.startswith("wss:")
        self._url = url
        self._tls = ssl.create_default_context() if self.secure else None
        if self.secure:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
            self._tls.set_alpn_protocols(["http/1.1"])

    async def open(self, path, subprotocols=(), deflate=None):
        extensions = None
        if deflate is not None:
            # A client that says nothing of its own window still lets the server shrink it.
            extensions = [ClientPerMessageDeflateFactory(**{"client_max_window_bits": True} | deflate)]
        socket = await websockets.connect(
            self._url + path,
            ssl=self._tls,
            subprotocols=list(subprotocols) or None,
            compression=None,
            extensions=extensions,
            max_size=4 * checks.MEBIBYTE,
        )
        return Session(socket)

    async def leave(self):
        """Each WebSocket has ended its own connection."""


async def connect(url):
    return Carrier(url)


if __name__ == "__main__":
    checks.main(f"Python websockets {version('websockets')}", connect)
