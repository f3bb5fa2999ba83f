// Runs the cases in Chromium, each in a tab of its own, and prints what each has found as JSON.
//   node run.mjs SERVER SERVER_WITH_KEY --chromium=PATH [--only=CASE]

import * as cases from "./cases.mjs";
import { launch } from "./chromium.mjs";

const options = new Map(process.argv.slice(2).filter((word) => word.startsWith("--")).map((word) => word.slice(2).split("=")));
const [server, keyed] = process.argv.slice(2).filter((word) => !word.startsWith("--"));

const browser = await launch(options.get("chromium"));

/** Run a case; what its page has logged, and where it has sent requests, is part of what it finds. */
async function run(name, work) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 760 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...work.options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const errors = [];
  const origins = new Set();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) errors.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    origins.add(["data:", "blob:"].includes(protocol) ? protocol : origin);
  });
  let found;
  try {
    found = await work(page, server, keyed);
  } catch (error) {
    found = { failed: `${error.stack}\n${await page.locator("body").innerText()}` };
  }
  console.log(JSON.stringify({ case: name, ...found, errors, origins: [...origins] }));
  await context.close();
}

for (const [name, work] of Object.entries(cases)) {
  if (!options.has("only") || options.get("only") === name) await run(name, work);
}
await browser.close();
