// An echo server on Bun, whose WebSockets are uWebSockets inside:
// `bun bun_echo.mjs HOST:PORT [--tls CERTIFICATE KEY] [--deflate no-takeover|takeover]`. One process, one thread.

const [address, ...flags] = process.argv.slice(2);
const [, hostname, port] = address.match(/^(.*):(\d+)$/);
let tls;
let compression = false;
for (let place = 0; place < flags.length; place += 1) {
  if (flags[place] === '--tls') {
    tls = { cert: Bun.file(flags[place + 1]), key: Bun.file(flags[place + 2]) };
    place += 2;
  } else if (flags[place] === '--deflate') {
    // "shared" keeps nothing between messages, "dedicated" keeps 256 KiB for each connection, in Bun's words.
    const kind = flags[place + 1] === 'takeover' ? 'dedicated' : 'shared';
    compression = { compress: kind, decompress: kind };
    place += 1;
  } else {
    throw new Error(`unknown flag ${flags[place]}`);
  }
}

const server = Bun.serve({
  hostname,
  port: Number(port),
  tls,
  fetch(request, self) {
    return self.upgrade(request) ? undefined : new Response('a WebSocket echoes here\n', { status: 426 });
  },
  websocket: {
    perMessageDeflate: compression,
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
    idleTimeout: 0,
    message(socket, message) {
      socket.send(message, compression !== false);
    },
  },
});
console.log(`listening on ${server.hostname}:${server.port}`);
