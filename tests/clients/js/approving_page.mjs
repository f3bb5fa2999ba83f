// The page of an agent that asks before it runs a tool.

import { reportTabs, Tab } from "./tab.mjs";

/** Ask for payments, and wait until each asks for approval. */
async function ask(text, { count = 1, more = "" } = {}) {
  const tab = await Tab.open("till", more);
  await tab.isReady();
  await tab.say(text);
  await tab.page.getByRole("group").nth(count - 1).waitFor();
  await tab.isReady();
  return tab;
}

/** Press a button of the first call that still asks. */
const press = (tab, name) => tab.page.getByRole("button", { name }).first().click();

/** Wait for the answer that begins so, and return what the page shows. */
async function ends(tab, text) {
  await tab.page.locator(".assistant p").getByText(text).waitFor();
  await tab.isReady();
  const answers = await tab.page.locator(".assistant").count();
  const asking = await tab.page.getByRole("group").count();
  return { answers, asking, ...(await tab.shown()) };
}

await reportTabs({
  approve: async () => {
    const tab = await ask("Pay 500");
    const before = await tab.shown();
    await press(tab, "Approve");
    return { before, ...(await ends(tab, "It is said")) };
  },
  deny: async () => {
    const tab = await ask("Pay 600");
    await press(tab, "Deny");
    return ends(tab, "It is said");
  },
  "write instead": async () => {
    const tab = await ask("Pay 700");
    await tab.say("Never mind.");
    return ends(tab, "All right.");
  },
  "two calls": async () => {
    const tab = await ask("Pay 800 and 801", { count: 2 });
    await press(tab, "Approve");
    await tab.page.getByRole("group").nth(1).waitFor({ state: "detached" });
    const between = await tab.shown();
    await press(tab, "Deny");
    return { between, ...(await ends(tab, "It is said")) };
  },
  "after a reload": async () => {
    const tab = await ask("Pay 900", { more: "&resume=reload" });
    await tab.page.reload();
    await press(tab, "Approve");
    return ends(tab, "It is said");
  },
  "changed in the browser": async () => {
    const tab = await ask("Pay 1000", { more: "&resume=changed" });
    await tab.page.evaluate(() => {
      const kept = sessionStorage.getItem("changed");
      sessionStorage.setItem("changed", kept.replaceAll('"euros":1000', '"euros":1001'));
    });
    await tab.page.reload();
    await press(tab, "Approve");
    await tab.page.getByRole("alert").waitFor();
    return tab.shown();
  },
});
