#!/usr/bin/env python3
"""A chat client on the `websockets` package, written from docs/protocol.md.

usage: chat.py [--say TEXT] [--until TEXT] URL ROOM NAME
Prints what was said and is said in ROOM, and sends the lines that you type. --say sends one message instead of reading
lines; --until ends, with success, when somebody (you, too) has said TEXT.
"""

import argparse
import asyncio
import json
import sys
import uuid

import websockets


def show(event, until):
    """Prints an event. Whether it is the one that was waited for."""
    said = event.get("body", "")
    print(f"{event['seq']:>6} {event['name']}: {said}" if said else f"{event['seq']:>6} {event['name']} {event['kind']}s")
    return until is not None and said == until


async def type_lines(send, room):
    """Sends each line of standard input as a message."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        # The id makes the send idempotent: after a lost answer, sending the same again is safe.
        await send(t="send", id=str(uuid.uuid4()), room=room, body=line.rstrip("\n"))


async def chat(url, room, name, say, until):
    """Talks until its message is acknowledged and the one that it waits for has come. That the server closes is an error."""
    acknowledged = say is None
    heard = False
    async with websockets.connect(url, subprotocols=["stoa.chat.v1"]) as socket:

        async def send(**message):
            await socket.send(json.dumps(message))

        await send(t="hello", name=name)
        async for text in socket:
            message = json.loads(text)
            match message["t"]:
                case "welcome":
                    await send(t="join", id="join", room=room)
                case "joined":
                    # What comes after `head` is pushed as events; what came before is asked for.
                    await send(t="history", id="history", room=room, before=message["head"] + 1)
                case "page":
                    for event in message["events"]:
                        heard |= show(event, until)
                    if say is None:
                        # Kept in a variable: a task that nobody holds may be collected before it is done.
                        lines = asyncio.create_task(type_lines(send, room))
                    else:
                        await send(t="send", id=str(uuid.uuid4()), room=room, body=say)
                case "ack":
                    acknowledged = True
                case "event":
                    heard |= show(message, until)
                case "error":
                    sys.exit(f"{message['code']}: {message['message']}")
                # Whatever else there is, and will be, may be ignored.
            if heard and acknowledged:
                return
        sys.exit(f"the server closed: {socket.close_code} {socket.close_reason}")


def main():
    parser = argparse.ArgumentParser(description="chat with a Stoa server")
    parser.add_argument("url")
    parser.add_argument("room")
    parser.add_argument("name")
    parser.add_argument("--say")
    parser.add_argument("--until")
    arguments = parser.parse_args()
    try:
        asyncio.run(chat(**vars(arguments)))
    except KeyboardInterrupt:
        pass
    except (OSError, websockets.exceptions.WebSocketException) as error:
        sys.exit(f"{arguments.url}: {error}")


if __name__ == "__main__":
    main()
