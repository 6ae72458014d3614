//! WebSockets on Node for the checks of `node_client.mjs`: over HTTP/1.1 all of the package `ws`; over HTTP/2 the handshake
//! by Node's own `http2`, and the frames by the sender and receiver of `ws`.

import http2 from "node:http2";
import { once } from "node:events";
import { PerMessageDeflate, Receiver, Sender, WebSocket, extension } from "ws";

const MESSAGE_BYTES_MAX = 4 << 20;
const TEXT = 1;
const BINARY = 2;

/** One WebSocket: what came, in order, and whoever waits for it. */
class Session {
  #events = [];
  #waiting = [];
  #failure;
  subprotocol = undefined;
  extensions = "";

  /** Something came: a message, the payload of a pong, or a close. */
  arrived(kind, value) {
    this.#events.push({ kind, value });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  failed(error) {
    this.#failure ??= error;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The next thing of this kind. Fails when the connection closes first. */
  async #next(kind) {
    for (;;) {
      const place = this.#events.findIndex((event) => event.kind === kind);
      if (place >= 0) return this.#events.splice(place, 1)[0].value;
      const closed = this.#events.find((event) => event.kind === "close");
      if (closed) throw new Error(`the server closed: ${closed.value}`);
      if (this.#failure) throw this.#failure;
      await new Promise((wake) => this.#waiting.push(wake));
    }
  }

  receive() {
    return this.#next("message");
  }

  async ping(payload) {
    this.sendPing(payload);
    const pong = await this.#next("pong");
    if (!pong.equals(payload)) throw new Error("the pong has another payload than the ping");
  }

  async close(code, reason) {
    this.sendClose(code, reason);
    return this.closed();
  }

  /** The code and reason of the server's Close frame. */
  closed() {
    return this.#next("close");
  }
}

class Http1Session extends Session {
  #socket;

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("message", (data, isBinary) => this.arrived("message", isBinary ? data : data.toString()));
    socket.on("pong", (data) => this.arrived("pong", data));
    socket.on("close", (code, reason) => this.arrived("close", [code, reason.toString()]));
    socket.on("error", (error) => this.failed(error));
  }

  async open() {
    await once(this.#socket, "open");
    this.subprotocol = this.#socket.protocol || undefined;
    this.extensions = this.#socket.extensions;
    return this;
  }

  send(data, fin = true) {
    this.#socket.send(data, { fin });
  }

  sendPing(payload) {
    this.#socket.ping(payload);
  }

  sendClose(code, reason) {
    this.#socket.close(code, reason);
  }
}

class Http2Session extends Session {
  #stream;
  #sender;
  #isClosing = false;

  constructor(stream, answer, deflate) {
    super();
    this.#stream = stream;
    this.subprotocol = answer["sec-websocket-protocol"];
    this.extensions = answer["sec-websocket-extensions"] ?? "";
    const agreed = {};
    if (this.extensions) {
      deflate.accept(extension.parse(this.extensions)[PerMessageDeflate.extensionName]);
      agreed[PerMessageDeflate.extensionName] = deflate;
    }
    this.#sender = new Sender(stream, agreed);
    const receiver = new Receiver({ extensions: agreed, maxPayload: MESSAGE_BYTES_MAX });
    receiver.on("message", (data, isBinary) => this.arrived("message", isBinary ? data : data.toString()));
    receiver.on("ping", (data) => this.#sender.pong(data, true));
    receiver.on("pong", (data) => this.arrived("pong", data));
    receiver.on("conclude", (code, reason) => this.#concluded(code, reason));
    receiver.on("error", (error) => this.failed(error));
    stream.on("error", (error) => this.failed(error));
    stream.pipe(receiver);
  }

  #concluded(code, reason) {
    if (!this.#isClosing) this.sendClose(code, "");
    this.#stream.end();
    this.arrived("close", [code, reason.toString()]);
  }

  send(data, fin = true) {
    const opcode = typeof data === "string" ? TEXT : BINARY;
    this.#sender.send(Buffer.from(data), { fin, mask: true, compress: this.extensions !== "", binary: opcode === BINARY });
  }

  sendPing(payload) {
    this.#sender.ping(payload, true);
  }

  sendClose(code, reason) {
    this.#isClosing = true;
    this.#sender.close(code, reason, true);
  }
}

/** HTTP/1.1: each WebSocket is a TCP connection. */
export class Http1Carrier {
  version = "1.1";
  shared = false;
  #url;

  constructor(url) {
    this.#url = url;
    this.secure = url.startsWith("wss:");
  }

  open(path, { subprotocols = [], deflate = undefined } = {}) {
    const options = { rejectUnauthorized: false, perMessageDeflate: deflate ?? false, maxPayload: MESSAGE_BYTES_MAX };
    return new Http1Session(new WebSocket(this.#url + path, subprotocols, options)).open();
  }

  leave() {}
}

/** HTTP/2: WebSockets and requests share a connection. */
export class Http2Carrier {
  version = "2";
  shared = true;
  #client;

  constructor(client, secure) {
    this.#client = client;
    this.secure = secure;
  }

  /** Waits for the server's settings: without them a client must not ask for a WebSocket (RFC 8441 section 3). */
  static async connect(url) {
    const secure = url.startsWith("wss:");
    const client = http2.connect(url.replace(/^ws/, "http"), { rejectUnauthorized: false });
    const [settings] = await once(client, "remoteSettings");
    if (!settings.enableConnectProtocol) throw new Error("the server does not announce SETTINGS_ENABLE_CONNECT_PROTOCOL");
    return new Http2Carrier(client, secure);
  }

  async open(path, { subprotocols = [], deflate = undefined } = {}) {
    const head = { ":method": "CONNECT", ":protocol": "websocket", ":path": path, "sec-websocket-version": "13" };
    if (subprotocols.length > 0) head["sec-websocket-protocol"] = subprotocols.join(", ");
    const codec = new PerMessageDeflate({ ...deflate, maxPayload: MESSAGE_BYTES_MAX, isServer: false });
    if (deflate) head["sec-websocket-extensions"] = extension.format({ [PerMessageDeflate.extensionName]: codec.offer() });
    const stream = this.#client.request(head, { endStream: false });
    const [answer] = await once(stream, "response");
    if (answer[":status"] !== 200) throw new Error(`the answer is ${answer[":status"]}`);
    return new Http2Session(stream, answer, codec);
  }

  async get(path) {
    const stream = this.#client.request({ ":path": path });
    const [answer] = await once(stream, "response");
    stream.resume();
    await once(stream, "end");
    return answer[":status"];
  }

  leave() {
    this.#client.destroy();
  }
}
