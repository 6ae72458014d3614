//! The match page in a real browser against a real server: people play, are cut off, watch and replay. `STOA_URL` names the
//! server, `STOA_BINARY` the program that verifies a recording of it (`stoa` without it); `STOA_SCREENSHOTS` is a folder for pictures,
//! `STOA_CHROMIUM` another browser.

import { checkPlay } from "./checks/play.mjs";
import { Stage } from "./stage.js";

const url = process.env.STOA_URL;
if (!url) throw new Error("usage: STOA_URL=http://… node test/play.mjs");

/** One check asks for a recording that there is not. */
const EXPECTED = /status of 404/;

const stage = new Stage(url, process.env.STOA_SCREENSHOTS);
await stage.open();
try {
  await checkPlay(stage);
  await stage.check("no match page met an exception, a console error or a policy violation", async () => {
    const problems = stage.people.flatMap((person) => person.problems.filter((problem) => !EXPECTED.test(problem)));
    for (const { page } of stage.people) {
      if (!page.isClosed()) problems.push(...(await page.evaluate(() => /** @type {any} */ (window).seen.violations)));
    }
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
} finally {
  await stage.close();
}
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed > 0 ? 1 : 0;
