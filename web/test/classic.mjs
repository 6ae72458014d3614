//! The classic room in a real browser against a real server: two people play, with mouse, touch and keyboard, in each
//! look. `STOA_URL` names the server; `STOA_SCREENSHOTS` is a folder for pictures, `STOA_CHROMIUM` another browser.

import { checkClassic } from "./checks/classic.mjs";
import { Stage } from "./stage.js";

const url = process.env.STOA_URL;
if (!url) throw new Error("usage: STOA_URL=http://… node test/classic.mjs");

const stage = new Stage(url, process.env.STOA_SCREENSHOTS);
await stage.open();
try {
  await checkClassic(stage);
  await stage.check("no page of the classic room met an exception, a console error, a policy violation or a jump", async () => {
    const problems = stage.people.flatMap((person) => person.problems);
    for (const [number, { page }] of stage.people.entries()) {
      if (page.isClosed()) continue;
      const seen = await page.evaluate(() => /** @type {any} */ (window).seen);
      problems.push(...seen.violations);
      if (seen.shift >= 0.02) problems.push(`layout shift ${seen.shift.toFixed(4)} on page ${number + 1}`);
    }
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
} finally {
  await stage.close();
}
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed > 0 ? 1 : 0;
