"""An echo server over HTTP/1.1 on the package `websockets`: websockets_echo.py PORT"""

import asyncio
import sys

from websockets.asyncio.server import serve

import checks

SUBPROTOCOL = "interop.v1"


async def echo(socket):
    """Echoes until the client closes, or closes at once where the path says so."""
    parts = socket.request.path.split("/")
    if parts[1] == "close":
        await socket.close(int(parts[2]), "as the path asks")
        return
    async for message in socket:
        await socket.send(message)


def choose(_socket, offered):
    """The one subprotocol that there is, or none: the client decides whether it can do without."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def answer(connection, request):
    """What is no WebSocket gets a page."""
    if request.headers.get("Upgrade") is None:
        return connection.respond(200, "This is an echo server. Open a WebSocket.\n")
    return None


async def main():
    limits = {"max_size": 4 * checks.MEBIBYTE}
    async with serve(
        echo, "127.0.0.1", int(sys.argv[1]), select_subprotocol=choose, process_request=answer, **limits
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
