//! The chat page in a real browser, from end to end. `STOA_URL` names the server; without it a stand-in is started.
//! `STOA_SCREENSHOTS` is a folder for pictures, `STOA_CHROMIUM` another browser. One line per check, then the sum.

import { accessibility } from "./checks/accessibility.mjs";
import { conversation } from "./checks/conversation.mjs";
import { history } from "./checks/history.mjs";
import { network } from "./checks/network.mjs";
import { startFakeServer } from "./fake-server.js";
import { Stage } from "./stage.js";

const fake = process.env.STOA_URL ? null : await startFakeServer();
const stage = new Stage(process.env.STOA_URL || (fake?.url ?? ""), process.env.STOA_SCREENSHOTS);
// Rooms of an earlier run on the same server must not be in the way.
const tag = Date.now().toString(36);

await stage.open();
try {
  for (const part of [conversation, history, network, accessibility]) await part(stage, tag);
  await stage.check("no page met an exception, a console error or a policy violation", async () => {
    const problems = stage.people.flatMap((person) => person.problems);
    for (const { page } of stage.people) {
      if (!page.isClosed()) problems.push(...(await page.evaluate(() => /** @type {any} */ (window).seen.violations)));
    }
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
  await stage.check("nothing on any page jumped (layout shift below 0.02)", async () => {
    for (const { page } of stage.people) {
      if (page.isClosed()) continue;
      const shift = await page.evaluate(() => /** @type {any} */ (window).seen.shift);
      if (shift >= 0.02) throw new Error(`${page.url()}: ${shift.toFixed(4)}`);
    }
  });
} finally {
  await stage.close();
  fake?.close();
}
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed > 0 ? 1 : 0;
