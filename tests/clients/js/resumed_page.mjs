// The page whose answers are read again after a reload.

import { takeStep, until } from "./cases.mjs";
import { reportTabs, Tab } from "./tab.mjs";

/** Begin an answer, and see its first chunk. */
async function begin(id) {
  const tab = await Tab.open("paced", `&resume=${id}`);
  await tab.isReady();
  await tab.say("Count.");
  await takeStep();
  await tab.reads("One");
  return tab;
}

await reportTabs({
  "nothing to resume": async () => {
    const tab = await Tab.open("paced", "&resume=new");
    await tab.isReady();
    return tab.shown();
  },
  reload: async () => {
    const tab = await begin("reload");
    await tab.page.reload();
    await tab.reads("One");
    const again = await tab.shown();
    await takeStep();
    await tab.reads("One two");
    await takeStep();
    await tab.reads("One two three");
    await tab.isReady();
    return { again, ...(await tab.shown()) };
  },
  "away till the end": async () => {
    const tab = await begin("away");
    await tab.page.goto("about:blank");
    await takeStep();
    await takeStep();
    await until((now) => now.open === 0);
    await tab.page.goto(tab.url);
    await tab.reads("One two three");
    await tab.isReady();
    return tab.shown();
  },
  "stop button": async () => {
    const tab = await begin("stop");
    await tab.page.getByRole("button", { name: "Stop" }).click();
    await until((now) => now.open === 0);
    await tab.isReady();
    await tab.page.reload();
    await tab.isReady();
    return tab.shown();
  },
  "second turn": async () => {
    const tab = await Tab.open("agent", "&resume=turns");
    await tab.say("Add 1 and 2.");
    await tab.reads("It is 3.");
    await tab.isReady();
    await tab.page.reload();
    await tab.say("Again.");
    await tab.reads("It is 3.", 2);
    await tab.isReady();
    return tab.shown();
  },
});
