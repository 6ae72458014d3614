// An echo server on Node and its package `ws`:
// `node node_echo.mjs HOST:PORT [--tls CERTIFICATE KEY] [--deflate no-takeover|takeover]`.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';

// The package lies where the benchmark put it, not beside this file.
const { WebSocketServer } = createRequire(`${process.cwd()}/`)('ws');
const [address, ...flags] = process.argv.slice(2);
const [, host, port] = address.match(/^(.*):(\d+)$/);
let tls;
let perMessageDeflate = false;
for (let place = 0; place < flags.length; place += 1) {
  if (flags[place] === '--tls') {
    tls = { cert: readFileSync(flags[place + 1]), key: readFileSync(flags[place + 2]) };
    place += 2;
  } else if (flags[place] === '--deflate') {
    const isReset = flags[place + 1] === 'no-takeover';
    perMessageDeflate = {
      serverNoContextTakeover: isReset,
      clientNoContextTakeover: isReset,
      zlibDeflateOptions: { level: 1 },
      threshold: 32,
    };
    place += 1;
  } else {
    throw new Error(`unknown flag ${flags[place]}`);
  }
}

const server = tls ? createSecureServer(tls) : createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate, maxPayload: 64 * 1024 * 1024 });
sockets.on('connection', (socket, request) => {
  request.socket.setNoDelay(true);
  socket.on('message', (message, binary) => socket.send(message, { binary }));
});
server.listen(Number(port), host, () => console.log(`listening on ${address}`));
