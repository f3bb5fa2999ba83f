// What the scripts of all clients share: they run cases, and print a line of JSON for each.

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";

const given = parseArgs({
  allowPositionals: true,
  options: { client: { type: "string" }, chromium: { type: "string" } },
});
export const { client: CLIENT, chromium: CHROMIUM } = given.values; // a package; a program
export const [SERVER, ...CHOSEN] = given.positionals; // the server's URL, and the names of cases

/** For how many milliseconds a client waits for what must happen at once. */
export const PATIENCE = 20_000;

/** Run all cases, or those that were chosen, and print what each has found, or its error. */
export async function report(cases, { after = () => {} } = {}) {
  for (const [name, run] of Object.entries(cases)) {
    if (CHOSEN.length && !CHOSEN.includes(name)) continue;
    let found;
    try {
      found = await run();
    } catch (error) {
      found = { failed: String(error?.stack ?? error) };
    }
    await after();
    console.log(JSON.stringify({ case: name, ...found }));
  }
}

/** Return what a call throws: the name of its error, the status and the text. */
export async function failure(call) {
  try {
    await call();
  } catch (error) {
    const name = error.name === "Error" ? error.constructor.name : error.name;
    return { name, status: error.status ?? error.statusCode, message: error.message };
  }
  throw new Error("The call has not failed.");
}

/**
 * Let a client leave: it aborts by itself, or here, when `silent`, as soon as its run has begun.
 * Return how many runs the server has stopped for that, and how the call ended.
 */
export async function stop(call, { silent = false } = {}) {
  const before = await counts();
  const leaving = new AbortController();
  const end = call(leaving).then(
    (found) => found ?? null,
    (error) => ({ name: error.name, type: error.constructor.name }),
  );
  if (silent) {
    await until((now) => now.runs > before.runs);
    leaving.abort();
  }
  const after = await until((now) => now.left > before.left && now.open === 0);
  return { left: after.left - before.left, end: await end };
}

/** Wait until the server's counts are as a condition wants them; return them. */
export async function until(condition) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const now = await counts();
    if (condition(now)) return now;
    if (Date.now() > deadline) {
      throw new Error(`It never came: ${condition}; ${JSON.stringify(now)}`);
    }
    await setTimeout(2);
  }
}

async function counts() {
  return (await fetch(`${SERVER}/health`)).json();
}

/** Let the chain "paced" send its next chunk. */
export async function takeStep() {
  await fetch(`${SERVER}/next/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "" }),
  });
}
