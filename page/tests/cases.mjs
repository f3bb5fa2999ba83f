// What a person does on the page, and what is then to be read on it.

const ready = (page) => page.locator(".output p.running").waitFor({ state: "detached" });
const texts = (page, selector) => page.locator(selector).allInnerTexts();
const stream = (page) => page.getByRole("button", { name: "Stream" }).click();
const post = (page, path, body) =>
  page.evaluate(
    async ([path, body]) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
    },
    [path, body],
  );

/** The rows of the tree, as their names and how they are. */
async function rows(page) {
  const found = await page.locator(".steps .row").all();
  return Promise.all(
    found.map(async (row) => [await row.locator("b").innerText(), await row.locator(".facts .sr").innerText()]),
  );
}

async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.keyboard.press("Enter");
}

export async function formStreams(page, server) {
  await page.goto(`${server}/gated/`);
  await page.getByLabel("Input", { exact: true }).fill("x");
  await stream(page);
  await page.locator(".output .text").waitFor();
  const before = { lines: await texts(page, ".output .text"), rows: await rows(page) };
  await post(page, "../open/invoke", { input: "x" });
  await page.getByText("first second").waitFor();
  await ready(page);
  return { before, after: { lines: await texts(page, ".output .text"), rows: await rows(page) } };
}

export async function formFields(page, server) {
  await page.goto(`${server}/order/`);
  await page.getByLabel("Item").fill("rope");
  await page.getByLabel("Amount").fill("3");
  await page.getByLabel("Express").check();
  await page.getByLabel("Size").selectOption("large");
  await page.getByRole("button", { name: "Add an item" }).click();
  await page.getByLabel("1", { exact: true }).fill("blue");
  await page.getByLabel("Street").fill("Quay 1");
  await page.getByRole("button", { name: "Invoke" }).click();
  await page.locator(".output .mono").waitFor();
  const output = JSON.parse(await page.locator(".output .mono").innerText());
  await page.getByLabel("As JSON").check();
  const raw = JSON.parse(await page.getByLabel("Input as JSON").inputValue());
  await page.getByLabel("Input as JSON").fill('{"item": "net", "address": {"street": 3}}');
  await stream(page);
  await page.getByRole("alert").waitFor();
  return { output, raw, refused: await texts(page, "[role=alert]") };
}

export async function messagesForm(page, server) {
  await page.goto(`${server}/words/#form`);
  await page.getByLabel("Kind of Input").waitFor();
  const kinds = await texts(page, "option");
  await page.getByLabel("Kind of Input").selectOption("messages");
  await page.getByLabel("Message 1", { exact: true }).fill("Hello");
  await page.getByRole("button", { name: "Invoke" }).click();
  await page.locator(".output .text").waitFor();
  return { kinds, output: await texts(page, ".output .text") };
}

export async function chat(page, server) {
  await page.goto(`${server}/thinker/`);
  await say(page, "Add 1 and 2.");
  await page.getByText("It is 3.").waitFor();
  await ready(page);
  const first = { calls: await texts(page, ".part summary"), rows: await rows(page) };
  await say(page, "Again.");
  await page.getByText("It is 3.").nth(1).waitFor();
  await ready(page);
  return { first, users: await texts(page, ".turn.user .text"), answers: await texts(page, ".output > .text") };
}

export async function approval(page, server) {
  await page.goto(`${server}/till/`);
  await say(page, "Pay 500.");
  const asks = page.getByRole("group", { name: "Approve pay?" });
  await asks.waitFor();
  const asked = await asks.innerText();
  await asks.getByRole("button", { name: "Approve" }).click();
  await page.getByText("It is paid.").waitFor();
  await ready(page);
  await say(page, "Pay 700.");
  await asks.getByRole("button", { name: "Deny" }).click();
  await page.getByText("Then not.").waitFor();
  await ready(page);
  return { asked, answers: await texts(page, ".output > .text"), states: await texts(page, ".part summary") };
}

export async function stop(page, server) {
  await page.goto(`${server}/up/`);
  await page.getByLabel("Input", { exact: true }).fill("one");
  await stream(page);
  await page.locator(".output .text").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  // The page is still there: it is the button that has stopped the run.
  for (let open = 1; open; ) open = (await page.evaluate(async () => (await fetch("../health")).json())).open;
  return { lines: await texts(page, ".output > *"), rows: await rows(page) };
}

export async function stopChat(page, server) {
  await page.goto(`${server}/endless/`);
  await say(page, "Count.");
  await page.locator(".output .text").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  for (let open = 1; open; ) open = (await page.evaluate(async () => (await fetch("../health")).json())).open;
  return { lines: await texts(page, ".output > *") };
}

export async function error(page, server) {
  await page.goto(`${server}/broken/`);
  await say(page, "Count.");
  await page.getByRole("alert").waitFor();
  const middle = { lines: await texts(page, ".output > *"), rows: await rows(page) };
  await page.getByRole("button", { name: "1 failed" }).click();
  await page.locator(".details .error").waitFor();
  return { middle, details: await texts(page, ".details .error") };
}

export async function errorBeforeTheFirstWord(page, server) {
  await page.goto(`${server}/refused/`);
  await say(page, "Count.");
  await page.getByRole("alert").waitFor();
  const canRetry = await page.getByRole("button", { name: "Try again" }).isVisible();
  return { lines: await texts(page, ".output > *"), canRetry };
}

export async function batch(page, server) {
  await page.goto(`${server}/prompt/#batch`);
  await page.getByLabel("Inputs, one a line").fill('a\n{"what": "b"}\n\nc');
  await page.getByRole("button", { name: "Run 3 inputs" }).click();
  await page.locator(".rows li").nth(2).waitFor();
  const found = await texts(page, ".rows summary");
  await page.locator(".rows summary").nth(1).click();
  await page.getByRole("button", { name: "Show its steps" }).click();
  await page.locator(".steps .row").first().waitFor();
  return { found, rows: await rows(page) };
}

export async function lastRuns(page, server) {
  await page.goto(`${server}/big/`);
  await post(page, "invoke", { input: "from another client" });
  await page.getByRole("link", { name: "Last runs" }).click();
  await page.locator(".runs button").click();
  await page.locator(".steps .row").first().click();
  await page.getByRole("button", { name: /Show all/ }).waitFor();
  const cut = (await texts(page, ".details .text")).map((text) => text.length);
  await page.getByRole("button", { name: /Show all/ }).click();
  await page.getByRole("button", { name: /Show all/ }).waitFor({ state: "detached" });
  const whole = (await texts(page, ".details .text")).map((text) => text.length);
  return { runs: await texts(page, ".runs button > span:nth-child(2)"), cut, whole };
}

export async function keyboard(page, server) {
  await page.goto(`${server}/prompt/`);
  await page.locator("form").waitFor();
  const tab = async (times) => {
    for (let count = 0; count < times; count++) await page.keyboard.press("Tab");
    return page.evaluate(() => document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText || "");
  };
  const first = [await tab(1), await tab(1), await tab(1), await tab(1)];
  const field = await tab(1);
  await page.keyboard.type("ahoy");
  const button = await tab(1);
  await page.keyboard.press("Enter");
  await page.getByText("One two three.").waitFor();
  await ready(page);
  await page.locator(".steps .row").nth(3).waitFor();
  while (!(await page.evaluate(() => document.activeElement.matches(".row")))) await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const row = await page.evaluate(() => document.activeElement.querySelector("b").innerText);
  await page.keyboard.press("Enter");
  await page.locator(".details section").first().waitFor();
  const stops = await page.locator('.row[tabindex="0"]').count();
  await page.keyboard.press("Home");
  const home = await page.evaluate(() => document.activeElement.querySelector("b").innerText);
  return { first, field, button, row, stops, home };
}

export async function code(page, server) {
  await page.goto(`${server}/prompt/`);
  await page.getByLabel("What").fill(`it's "quoted" \\ and é 🌊`);
  await page.getByText("The request as code").click();
  const copied = {};
  for (const name of ["curl", "Python"]) {
    await page.getByRole("button", { name: `Copy ${name}` }).click();
    copied[name] = await page.evaluate(() => navigator.clipboard.readText());
  }
  await page.goto(`${server}/words/`);
  await page.getByText("The request as code").click();
  copied.chat = await page.locator('[data-code="Python"]').innerText();
  return { copied };
}

export async function key(page, server, keyed) {
  await page.goto(`${keyed}/`);
  await page.getByLabel("Key of this server").fill("wrong");
  await page.getByRole("button", { name: "Use this key" }).click();
  await page.getByText("The server has refused this key.").waitFor();
  await page.getByLabel("Key of this server").fill("the right key");
  await page.keyboard.press("Enter");
  await page.getByLabel("What").fill("x");
  await stream(page);
  await page.getByText("One two three.").waitFor();
  await page.getByText("The request as code").click();
  const shown = await page.locator("#app").innerText();
  await page.reload();
  await page.getByLabel("What").waitFor();
  const kept = await page.evaluate(() => [localStorage.length, document.cookie]);
  return { shown, kept };
}

export async function policy(page, server) {
  await page.goto(`${server}/html/`);
  await page.getByLabel("Input", { exact: true }).fill("x");
  await stream(page);
  await page.locator(".output .text").waitFor();
  await ready(page);
  const output = await texts(page, ".output .text");
  const made = await page.locator(".output :is(img, script)").count();
  const tried = await page.evaluate(async () => {
    const broken = [];
    document.addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.hasRun = true";
    document.body.append(script);
    document.body.insertAdjacentHTML("beforeend", '<p style="color: red" onclick="1">x</p>');
    const fetched = await fetch("http://localhost:9/").catch((error) => error.name);
    while (broken.length < 4) await new Promise((resolve) => setTimeout(resolve, 10)); // events come later
    return { broken, fetched, hasRun: window.hasRun === true };
  });
  return { output, made, tried };
}

export async function longRun(page, server) {
  await page.goto(`${server}/long/`);
  await page.getByLabel("Input", { exact: true }).fill("x");
  const sizes = [];
  page.on("response", async (answer) => {
    if (answer.url().endsWith("/page/run")) sizes.push((await answer.body()).length);
  });
  await stream(page);
  await page.getByText("304 steps").waitFor();
  await ready(page);
  const shown = (await page.locator(".output .text").innerText()).length;
  await page.keyboard.press("Tab");
  await page.locator(".steps .row").last().click();
  await page.locator(".details section").first().waitFor();
  while (!sizes.length) await page.waitForTimeout(10);
  return { rows: await page.locator(".steps .row").count(), shown, size: sizes[0] };
}

export async function picture(page, server) {
  await page.goto(`${server}/prompt/#picture`);
  const image = page.locator("img.picture");
  await image.waitFor();
  return { width: await image.evaluate((each) => each.decode().then(() => each.naturalWidth)), alt: await image.getAttribute("alt") };
}

export async function index(page, server) {
  await page.goto(`${server}/`);
  await page.getByRole("link", { name: "prompt" }).click();
  await page.getByLabel("What").waitFor();
  return { title: await page.title(), url: page.url().replace(server, "") };
}

export async function phone(page, server) {
  const widths = {};
  const colors = {};
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const path of ["thinker/#chat", "order/#form", "prompt/#batch", "big/#runs"]) {
      await page.goto(`${server}/${path}`);
      await page.locator("main").waitFor();
      widths[path] = await page.evaluate(() => document.scrollingElement.scrollWidth);
    }
    colors[scheme] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  }
  await page.goto(`${server}/thinker/`);
  await say(page, "Add 1 and 2.");
  await page.getByText("It is 3.").waitFor();
  await ready(page);
  await page.locator(".steps .row").first().click();
  await page.locator(".details section").first().waitFor();
  widths.steps = await page.evaluate(() => document.scrollingElement.scrollWidth);
  return { widths, colors };
}
phone.options = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
