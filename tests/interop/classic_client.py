"""Plays the classic room's game, written from its messages alone: classic_client.py ws://127.0.0.1:8080 [1|2|3] [game]

Two players, whom the server sees on whichever version of HTTP is asked for, smash the furniture and check each message
that they get. Prints one line when all of it was as it should be.
"""

import asyncio
import importlib
import json
import ssl
import sys
import urllib.request

import checks

# How long the whole game may take.
DEADLINE_SECONDS = 60
ITEMS = ["tv", "table", "chair"]


class Player:
    """One connection, and one colour."""

    def __init__(self, session, game, user):
        self._session = session
        self.game = game
        self.user = user

    async def say(self, **fields):
        await self._session.send(json.dumps(fields))

    async def hear(self, **wanted):
        """The next message, which must have exactly these fields."""
        checks.expect(json.loads(await self._session.receive()), wanted, f"what {self.user} hears")

    async def join(self, players):
        await self.say(cmd="join", game=self.game, user=self.user)
        await self.hear(cmd="join", game=self.game, user=self.user, players=players)
        await self.hear(cmd="join", status="ok", game=self.game, user=self.user, players=players)

    async def hit(self, item):
        await self.say(cmd="hit", game=self.game, user=self.user, item=item)

    async def leave(self):
        await self._session.close(1000, "")


def fetch(url, path):
    """Gets a page over HTTP/1.1, without following redirects: status, place, body."""
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=tls))
    try:
        with opener.open(url.replace("ws", "http", 1) + path, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, None, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("location"), answer.read()


def items(url, game):
    status, _, body = fetch(url, f"/items?gameId={game}")
    checks.expect(status, 200, "the status of items")
    return json.loads(body)


def untouched(scene):
    for number, item in enumerate(ITEMS):
        entry = scene["items"][number]
        checks.expect((entry["item"], entry["hp"], entry["user"]), (item, 100, ""), "a new item")


async def play(url, carrier, game):
    red = Player(await carrier.open("/classic"), game, "red")
    blue = Player(await carrier.open("/classic"), game, "blue")
    checks.expect(fetch(url, f"/reset?gameId={game}")[0], 302, "the status of a reset")
    await red.join(["red"])
    untouched(items(url, game))

    # A colour is one player's.
    await blue.say(cmd="join", game=game, user="red")
    await blue.hear(cmd="join", status="fail, color red in use", user="red", game=game)
    await blue.join(["red", "blue"])
    await red.hear(cmd="join", game=game, user="blue", players=["red", "blue"])

    # Nine hits by one, the last by the other, who captures.
    for hp in range(90, 0, -10):
        await red.hit("tv")
        await red.hear(cmd="hit", game=game, user="red", item="tv", hp=hp)
        await red.hear(cmd="hit", game=game, status="ok")
        await blue.hear(cmd="hit", game=game, user="red", item="tv", hp=hp)
    await blue.hit("tv")
    await blue.hear(cmd="hit", game=game, user="blue", item="tv", hp=0)
    await blue.hear(cmd="hit", game=game, status="ok")
    await red.hear(cmd="hit", game=game, user="blue", item="tv", hp=0)
    scene = items(url, game)
    checks.expect((scene["items"][0]["hp"], scene["items"][0]["user"]), (0, "blue"), "the captured item")
    checks.expect(scene["players"], ["red", "blue"], "the players")
    checks.expect(fetch(url, scene["items"][0]["url"])[0], 200, "the status of a picture")

    # For good.
    await red.hit("tv")
    answer = json.loads(await red._session.receive())
    checks.expect((answer["cmd"], answer["status"][:4]), ("hit", "fail"), "the answer to a hit that is too late")
    checks.expect(items(url, game)["items"][0]["user"], "blue", "whose it is")

    # What is no request is an error, and the connection stays.
    for wrong in ['{"cmd":"join","game":"nowhere","user":"red"}', '{"cmd":"dance"}', "{", "[]", '{"cmd":"hit","game":7}']:
        await red._session.send(wrong)
        error = json.loads(await red._session.receive())
        checks.expect((error["cmd"], type(error["message"])), ("error", str), f"the answer to {wrong}")

    # New furniture for those who play, and a colour that is free again.
    if carrier.shared:
        checks.expect(await carrier.get(f"/reset?gameId={game}"), 302, "the status of a reset on the same carrier")
    else:
        status, place, _ = fetch(url, f"/reset?gameId={game}")
        checks.expect((status, place.endswith(f"?gameId={game}")), (302, True), "the answer to a reset")
    for player in (red, blue):
        reset = json.loads(await player._session.receive())
        checks.expect((reset["cmd"], reset["players"]), ("reset", ["red", "blue"]), "what players hear of a reset")
        untouched(reset)
    await red.leave()
    await blue.hear(cmd="leave", game=game, user="red", players=["blue"])
    await blue.leave()


async def main(url, version, game):
    module = importlib.import_module(f"http{version}_client")
    carrier = await module.connect(url)
    try:
        await asyncio.wait_for(play(url, carrier, game), DEADLINE_SECONDS)
    finally:
        await carrier.leave()
    print(f"classic room: Python played a whole game over HTTP/{carrier.version}{' with TLS' if carrier.secure else ''}")


if __name__ == "__main__":
    place, number, room = (sys.argv[1:] + ["1", "game1"][len(sys.argv) - 2:])[:3]
    asyncio.run(main(place, number, room))
