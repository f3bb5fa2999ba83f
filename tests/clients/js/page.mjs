// The page in a browser: what a person types, sees and leaves.

import { once } from "node:events";

import { stop, takeStep } from "./cases.mjs";
import { reportTabs, Tab } from "./tab.mjs";

/** Ask a chain for one answer, wait for a part of it, and return what the page shows then. */
async function ask(chain, selector) {
  const tab = await Tab.open(chain);
  await tab.say("Say something.");
  await tab.page.locator(selector).waitFor();
  await tab.isReady();
  return tab.shown();
}

/** Begin an answer that has one chunk, or with `silent` none, and leave in some way. */
function leave(how, { silent = false } = {}) {
  const call = async ({ signal }) => {
    const tab = await Tab.open("up");
    await tab.say(silent ? "silent" : "one");
    if (!silent) await tab.reads("first");
    else if (!signal.aborted) await once(signal, "abort");
    return how(tab);
  };
  return stop(call, { silent });
}

const close = ({ page }) => page.close();

async function press(tab) {
  await tab.page.getByRole("button", { name: "Stop" }).click();
  await tab.isReady();
  return tab.shown();
}

await reportTabs({
  streaming: async () => {
    const tab = await Tab.open("paced");
    await tab.say("Count.");
    const stages = [];
    for (const text of ["One", "One two", "One two three"]) {
      await takeStep();
      await tab.reads(text);
      stages.push(...(await tab.shown()).text);
    }
    await tab.isReady();
    return { stages, ...(await tab.shown()) };
  },
  "second turn": async () => {
    const tab = await Tab.open("agent");
    await tab.say("Add 1 and 2.");
    await tab.reads("It is 3.");
    await tab.isReady();
    const first = await tab.shown();
    await tab.say("Again.");
    await tab.reads("It is 3.", 2);
    await tab.isReady();
    return { first, ...(await tab.shown()) };
  },
  value: () => ask("value", "pre"),
  refused: () => ask("refused", "[role=alert]"),
  broken: () => ask("broken", "[role=alert]"),
  "after an error": async () => {
    const tab = await Tab.open("moody");
    await tab.say("Say something.");
    await tab.page.getByRole("alert").waitFor();
    await tab.say("And now?");
    await tab.reads("Well.");
    await tab.isReady();
    return tab.shown();
  },
  "stop button": () => leave(press),
  "stop button before the first chunk": () => leave(press, { silent: true }),
  "tab closed": () => leave(close),
  "tab closed before the first chunk": () => leave(close, { silent: true }),
  "another page": () => leave(({ page }) => page.goto("about:blank").then(() => null)),
  reload: () =>
    leave(async (tab) => {
      await tab.page.reload();
      await tab.isReady();
      return tab.shown();
    }),
});
