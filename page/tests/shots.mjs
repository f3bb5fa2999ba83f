// Takes the pictures of the page that are in the docs.
//   node shots.mjs SERVER FOLDER --chromium=PATH

import { writeFile } from "node:fs/promises";

import { launch } from "./chromium.mjs";

const [server, folder] = process.argv.slice(2);
const browser = await launch(process.argv[4].replace("--chromium=", ""));

async function shot(name, path, { quality = 85, ...options }, act) {
  const context = await browser.newContext({ viewport: { width: 1080, height: 560 }, ...options });
  const page = await context.newPage();
  await page.goto(`${server}${path}`);
  await act(page);
  await page.mouse.move(0, 0);
  // Playwright has no WebP, which takes a third of the bytes.
  const tab = await context.newCDPSession(page);
  const { data } = await tab.send("Page.captureScreenshot", { format: "webp", quality });
  await writeFile(`${folder}/page-${name}.webp`, Buffer.from(data, "base64"));
  await context.close();
}

const ready = (page) => page.locator(".output p.running").waitFor({ state: "detached" });

async function ask(page) {
  await page.getByLabel("Your message").fill("When is high tide tomorrow?");
  await page.keyboard.press("Enter");
  await page.getByText("in Europe").waitFor();
  await ready(page);
}

async function open(page, step) {
  await page.locator(".steps .row", { hasText: step }).first().click();
  await page.locator(".details section").first().waitFor();
}

async function stream(page, wait) {
  await page.getByRole("button", { name: "Stream" }).click();
  await page.locator(wait).first().waitFor();
  await ready(page);
}

await shot("chat", "/tides/", { colorScheme: "light" }, async (page) => {
  await ask(page);
  await open(page, "search");
});
await shot("dark", "/explain/", { colorScheme: "dark" }, async (page) => {
  await page.getByLabel("Word").fill("tide");
  await page.getByLabel("Tone").fill("calm");
  await stream(page, ".output .text");
  await page.getByText("The request as code").click();
  await open(page, "Model");
});
await shot("phone", "/tides/", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }, ask);
await shot("error", "/broken/", {}, async (page) => {
  await page.getByLabel("What").fill("three numbers");
  await stream(page, "[role=alert]");
  await page.locator(".link.bad").click();
  await page.locator(".details section").first().waitFor();
});
await shot("long", "/long/", { quality: 60 }, async (page) => {
  await page.getByLabel("Input", { exact: true }).fill("all ports");
  await stream(page, ".output .text");
  await page.locator(".link.bad").click();
  await page.locator(".details section").first().waitFor();
});
await shot("approval", "/till/", {}, async (page) => {
  await page.getByLabel("Your message").fill("Pay Ada 500 euros.");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Approve" }).waitFor();
  await ready(page);
});
await shot("runs", "/tides/#runs", {}, async (page) => {
  await page.locator(".runs button").first().click();
  await page.locator(".steps .row").first().waitFor();
});
await browser.close();
