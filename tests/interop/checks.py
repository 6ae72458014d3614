"""What every WebSocket server must be able to do, checked through a client that somebody else wrote.

A client script (`http1_client.py`, `http2_client.py`, `http3_client.py`) brings a `Carrier`, which opens WebSockets, and
hands it to `main`, which runs the checks and prints one line of JSON for each. The server under test echoes every
message with its type, agrees to the subprotocol `interop.v1`, and closes at `/close/CODE` at once with that code
and the reason `as the path asks`. `stoa echo` does so, and so do the servers of this directory.

A carrier has:
    version: "1.1", "2" or "3", and secure: whether TLS is under it
    shared: whether it carries many WebSockets, and requests beside them
    resets: whether a WebSocket that was closed ends with a reset of its stream, as in browsers, and not with its end
    async open(path, subprotocols=(), deflate=None) -> session; deflate: parameters of wsproto's PerMessageDeflate
    async get(path) -> status (where shared)
    async leave()
and a session:
    subprotocol, extensions: what was agreed; received: bytes of WebSocket frames so far, or None where nobody counts
    async send(message), send_fragments(pieces), receive(), ping(payload)
    async close(code, reason) -> (code, reason) that the server answered; async closed() -> the same of a server that began
"""

import argparse
import asyncio
import json
import random
import sys
import traceback

# How long one check may take before it counts as failed.
DEADLINE_SECONDS = 30
MEBIBYTE = 1 << 20
# How many WebSockets are open at once on a carrier that is shared.
MANY = 100

SUBPROTOCOL = "interop.v1"

# Texts around each border of the frame header's length forms, and of UTF-8's.
TEXTS = ["", "a", "grüße, 世界 👋", "x" * 125, "y" * 126, "z" * 65535, "ö" * 32768]

# Offers of permessage-deflate, from the widest to the narrowest.
OFFERS = [
    {},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 10, "client_max_window_bits": 11},
]


def expect(got, wanted, what):
    """Fails unless they are equal; says of long values only how long they are."""
    if got != wanted:
        brief = lambda value: f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") and len(value) > 80 else repr(value)
        raise AssertionError(f"{what}: got {brief(got)}, wanted {brief(wanted)}")


async def echo(session, message, what="the echo"):
    """One message there and back."""
    await session.send(message)
    expect(await session.receive(), message, what)


async def subprotocol(carrier):
    session = await carrier.open("/", subprotocols=["interop.v9", SUBPROTOCOL])
    expect(session.subprotocol, SUBPROTOCOL, "the subprotocol")
    await echo(session, "agreed")
    await session.close(1000, "")
    session = await carrier.open("/")
    expect(session.subprotocol, None, "the subprotocol without an offer")
    await session.close(1000, "")


async def text(carrier):
    session = await carrier.open("/")
    for message in TEXTS:
        await echo(session, message)
    await session.close(1000, "")


async def binary(carrier):
    session = await carrier.open("/")
    for message in TEXTS:
        await echo(session, message.encode())
    await echo(session, bytes(range(256)))
    await session.close(1000, "")


async def mebibyte(carrier):
    session = await carrier.open("/")
    await echo(session, random.Random(1).randbytes(MEBIBYTE))
    await echo(session, "m" * MEBIBYTE)
    await session.close(1000, "")


async def fragments(carrier):
    session = await carrier.open("/")
    await session.send_fragments(["one, ", "", "two, ", "three"])
    expect(await session.receive(), "one, two, three", "the message")
    await session.send_fragments([b"\x00" * 1000, b"\xff" * 70000])
    expect(await session.receive(), b"\x00" * 1000 + b"\xff" * 70000, "the message")
    await session.close(1000, "")


async def ping(carrier):
    session = await carrier.open("/")
    for payload in [b"", b"are you there?", bytes(125)]:
        await session.ping(payload)
    await echo(session, "after the pings")
    await session.close(1000, "")


async def close(carrier):
    for code, reason in [(1000, ""), (4001, "bye for now"), (1001, "r" * 123)]:
        session = await carrier.open("/")
        await echo(session, "before the close")
        answered, _ = await session.close(code, reason)
        expect(answered, code, "the code in the answer")


async def closed(carrier):
    session = await carrier.open("/close/4002")
    expect(await session.closed(), (4002, "as the path asks"), "the server's close")


async def compression(carrier):
    line = "a line that says much the same as the line before it, "
    for offer in OFFERS:
        session = await carrier.open("/", deflate=offer)
        expect("permessage-deflate" in session.extensions, True, f"agreed, {session.extensions!r}")
        for number in range(5):
            await echo(session, line * 20 + str(number))
        before = session.received
        await echo(session, line * 20000)
        if before is not None:
            expect(session.received - before < MEBIBYTE // 10, True, "the echo of a MiB of text is compressed")
        await echo(session, random.Random(2).randbytes(70000))
        await session.send_fragments([line, line * 50, "the end"])
        expect(await session.receive(), line * 51 + "the end", "the message in fragments")
        await session.close(1000, "")


async def many(carrier):
    sessions = [await carrier.open("/") for _ in range(MANY)]
    for turn in range(3):
        for number, session in enumerate(sessions):
            await session.send(f"{turn} of {number}")
        for number, session in enumerate(sessions):
            expect(await session.receive(), f"{turn} of {number}", "the echo")
    await asyncio.gather(*(echo(session, bytes([number]) * 20000) for number, session in enumerate(sessions)))
    for session in sessions:
        await session.close(1000, "")


async def requests(carrier):
    session = await carrier.open("/")
    for _ in range(3):
        expect(await carrier.get("/"), 200, "the status")
        await echo(session, "beside a request")
    await session.close(1000, "")


# In the order of the table in docs/conformance.md.
CHECKS = [subprotocol, text, binary, mebibyte, fragments, ping, close, closed, compression]
SHARED = [many, requests]


async def check(name, carrier, function):
    """Runs one check and prints its line. Whether it went well."""
    result = {"peer": name, "http": carrier.version, "tls": carrier.secure, "check": function.__name__, "ok": True}
    try:
        await asyncio.wait_for(function(carrier), DEADLINE_SECONDS)
    except Exception as error:
        result |= {"ok": False, "why": f"{type(error).__name__}: {error}"}
        traceback.print_exc()
    print(json.dumps(result), flush=True)
    return result["ok"]


async def run(connect, arguments):
    """All checks, each on a carrier of its own, so that one that breaks it does not spoil the next."""
    good = True
    for function in CHECKS + SHARED:
        if arguments.only and function.__name__ not in arguments.only:
            continue
        if arguments.without and function.__name__ in arguments.without:
            continue
        carrier = await asyncio.wait_for(connect(arguments.url), DEADLINE_SECONDS)
        carrier.resets = arguments.reset
        carrier.version = arguments.http or carrier.version
        if carrier.shared or function not in SHARED:
            good &= await check(arguments.peer, carrier, function)
        await asyncio.wait_for(carrier.leave(), DEADLINE_SECONDS)
    return good


def main(name, connect):
    """Reads the command line and runs the checks. Certificates are not verified: those of tests are self-signed."""
    parser = argparse.ArgumentParser(description=f"check a WebSocket server with {name}")
    parser.add_argument("url", help="ws://HOST:PORT or wss://HOST:PORT")
    parser.add_argument("--only", action="append", help="run this check; may be given several times")
    parser.add_argument("--without", action="append", help="leave this check out; may be given several times")
    parser.add_argument("--reset", action="store_true", help="end closed WebSockets with a reset of their stream")
    parser.add_argument("--peer", default=name, help="the name to print")
    parser.add_argument("--http", help="the version of HTTP to print, where a proxy makes another of it")
    sys.exit(0 if asyncio.run(run(connect, parser.parse_args())) else 1)
