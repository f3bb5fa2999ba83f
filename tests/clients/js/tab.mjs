// A tab of Chromium with a page, as a person has it.

import { chromium } from "playwright-core";

import { CHROMIUM, PATIENCE, report, SERVER } from "./cases.mjs";

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox", // as root, Chromium starts with none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

/** A tab with the page of a chain. */
export class Tab {
  static async open(chain, more = "") {
    const tab = new Tab();
    tab.url = `${SERVER}/page/?chain=${chain}${more}`;
    tab.page = await browser.newPage();
    tab.errors = [];
    tab.page.setDefaultTimeout(PATIENCE);
    tab.page.on("pageerror", (error) => tab.errors.push(error.message));
    tab.page.on("console", (message) => {
      const isStatus = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isStatus) tab.errors.push(message.text());
    });
    await tab.page.goto(tab.url);
    return tab;
  }

  async say(text) {
    await this.page.getByLabel("Message").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Wait until an answer has this text. */
  async reads(text, turn = 1) {
    const answer = this.page.locator(".assistant").nth(turn - 1);
    await answer.getByText(text, { exact: true }).waitFor();
  }

  /** Wait until the page is ready for the next message. */
  async isReady() {
    await this.page.getByRole("button", { name: "Send", disabled: false }).waitFor();
  }

  /** Return all that is to be read, by kind. */
  async shown() {
    const read = async (selector) =>
      (await this.page.locator(selector).allInnerTexts()).map((text) => text.trim());
    return {
      user: await read(".user"),
      text: await read(".assistant p:not(.reasoning)"),
      reasoning: await read(".reasoning"),
      pre: await read("pre"),
      alert: await read("[role=alert]"),
      draft: await this.page.getByLabel("Message").inputValue(),
      errors: this.errors,
    };
  }
}

/** Run cases that open tabs, then close the browser. */
export async function reportTabs(cases) {
  const after = () => Promise.all(browser.contexts().map((context) => context.close()));
  await report(cases, { after });
  await browser.close();
}
