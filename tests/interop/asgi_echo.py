"""An echo server as an ASGI application, for Hypercorn, which carries it over HTTP/1.1, HTTP/2 and HTTP/3.

    hypercorn --bind 127.0.0.1:9001 asgi_echo:application                       # HTTP/1.1 and HTTP/2, plain
    hypercorn --bind 127.0.0.1:9443 --quic-bind 127.0.0.1:9443 --certfile … --keyfile … asgi_echo:application
"""

SUBPROTOCOL = "interop.v1"


async def application(scope, receive, send):
    """Called for each request, each WebSocket, and once for the life of the server."""
    match scope["type"]:
        case "lifespan":
            await live(receive, send)
        case "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This is an echo server. Open a WebSocket.\n"})
        case "websocket":
            await websocket(scope, receive, send)


async def websocket(scope, receive, send):
    """Echoes until the client closes, or closes at once where the path says so."""
    await receive()
    agreed = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": agreed})
    parts = scope["path"].split("/")
    if parts[1] == "close":
        await send({"type": "websocket.close", "code": int(parts[2]), "reason": "as the path asks"})
        return
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})


async def live(receive, send):
    """Answers what the server says of its own life."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
