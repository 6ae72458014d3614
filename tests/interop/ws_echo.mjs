//! An echo server over HTTP/1.1 on the package `ws`: `node ws_echo.mjs PORT [CERTIFICATE KEY]`, with TLS where those are given.

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { WebSocketServer } from "ws";

const SUBPROTOCOL = "interop.v1";
const MESSAGE_BYTES_MAX = 4 << 20;

const [port, certificate, key] = process.argv.slice(2);
const server = certificate ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }) : http.createServer();
server.on("request", (_request, response) => response.end("This is an echo server. Open a WebSocket.\n"));
const websockets = new WebSocketServer({
  server,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});
websockets.on("connection", (socket, request) => {
  const [, verb, code] = request.url.split("/");
  // A client that breaks the protocol, or goes, ends its own connection and nothing else.
  socket.on("error", (error) => console.error(String(error)));
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  if (verb === "close") socket.close(Number(code), "as the path asks");
});
server.listen(Number(port), "127.0.0.1", () => console.log(`echoing on port ${port}`));
