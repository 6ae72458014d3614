//! A TCP relay in front of the server, one per test person, so that a test can break exactly that person's network.

import { connect, createServer } from "node:net";

/** The longest request head that is looked at for an upgrade; browsers send it in one piece. */
const HEAD_BYTES_MAX = 16_384;

/** A cable that can be pulled. */
export class Proxy {
  #target;
  #server = createServer((client) => this.#relay(client));
  /** @type {Set<import("node:net").Socket>} the browser's ends of WebSockets */
  #webSockets = new Set();
  #cut = false;
  url = "";
  /** Bytes that came over WebSockets so far. */
  received = 0;

  /** @param {URL} target an `http:` address */
  constructor(target) {
    this.#target = target;
  }

  /** @returns {Promise<void>} listens on a free port of the loopback interface */
  listen() {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
        this.url = `http://127.0.0.1:${port}/`;
        resolve();
      });
    });
  }

  /** Breaks all WebSockets without a close frame, and new ones at their handshake. Plain requests still pass. */
  cut() {
    this.#cut = true;
    for (const socket of this.#webSockets) socket.destroy();
  }

  mend() {
    this.#cut = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }

  /** @param {import("node:net").Socket} client */
  #relay(client) {
    const upstream = connect(Number(this.#target.port || 80), this.#target.hostname);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from?.on("error", () => to?.destroy());
      from?.on("close", () => to?.destroy());
    }
    client.on("close", () => this.#webSockets.delete(client));
    client.on("data", (data) => {
      if (!this.#webSockets.has(client) && isUpgrade(data)) {
        if (this.#cut) return void client.destroy();
        this.#webSockets.add(client);
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (this.#webSockets.has(client)) this.received += data.length;
      client.write(data);
    });
  }
}

/** @param {Buffer} data */
function isUpgrade(data) {
  return data.subarray(0, 4).toString("latin1") === "GET " && /\r\nupgrade: *websocket\r\n/i.test(data.subarray(0, HEAD_BYTES_MAX).toString("latin1"));
}
