//! A browser in one room with clients that nobody here wrote the WebSocket code of. `STOA_URL` names the server; the clients
//! (`examples/`) are started by whoever runs this. Ends well when the page has heard each of the names in its arguments,
//! after saying hello itself.

import { arrive, inRoom, sees, write } from "./acts.js";
import { Stage } from "./stage.js";

const names = process.argv.slice(2);
if (!process.env.STOA_URL || names.length === 0) throw new Error("usage: STOA_URL=http://… node test/foreign.mjs NAME …");
const stage = new Stage(process.env.STOA_URL, process.env.STOA_SCREENSHOTS);
await stage.open();
try {
  const me = await stage.person();
  await arrive(me.page, `${me.proxy.url}#interop`, "Browser");
  await inRoom(me.page, "interop");
  await write(me.page, "Hello from Browser");
  for (const name of names) await sees(me.page, `Hello from ${name}`);
  if (me.problems.length > 0) throw new Error(me.problems.join("\n"));
  console.log(`the page heard ${names.join(" and ")}`);
} finally {
  await stage.close();
}
