// The page of a served chain; at the root of a server of several, the list of them.

import { signal } from "@preact/signals";
import { render } from "preact";
import { get, hasKey, needsKey, useKey, type Meta } from "./api";
import type { Answer } from "./answer";
import { Chat } from "./chat";
import { Picture, Runs } from "./runs";
import { StepTree } from "./steps";
import { Batch, Try } from "./try";
import { Announcer } from "./values";

const meta = signal<Meta | undefined>(undefined);
const chains = signal<string[]>([]);
const problem = signal("");
const shown = signal<Answer | undefined>(undefined);

const show = (answer: Answer) => {
  shown.value = answer;
};

async function load(): Promise<void> {
  problem.value = "";
  try {
    const found = await get<Meta | { chains: string[] }>("page/meta");
    if ("chains" in found) chains.value = found.chains;
    else {
      meta.value = found;
      document.title = `${found.name} – Runnables`;
    }
  } catch (error) {
    if (!needsKey.value) problem.value = (error as Error).message;
  }
}

const TABS = {
  chat: "Chat",
  form: "Form",
  batch: "Batch",
  runs: "Last runs",
  picture: "Picture",
};

type Tab = keyof typeof TABS;

/** The tab is in the address, so that a reload and the back button keep it. */
const chosen = signal(location.hash.slice(1));
addEventListener("hashchange", () => (chosen.value = location.hash.slice(1)));

function ChainPage({ meta }: { meta: Meta }) {
  const tabs = (Object.keys(TABS) as Tab[]).filter(
    (tab) => (tab !== "chat" || meta.chats) && (tab !== "runs" || meta.shows_steps),
  );
  const tab = tabs.find((each) => each === chosen.value) ?? tabs[0]!;
  return (
    <>
      <header>
        <h1>{meta.name}</h1>
        <nav aria-label="Ways to look at it">
          {tabs.map((each) => (
            <a key={each} href={`#${each}`} aria-current={each === tab ? "page" : undefined}>{TABS[each]}</a>
          ))}
        </nav>
      </header>
      <main class={tab === "picture" ? "wide" : ""}>
        <section class="panel" aria-label={TABS[tab]}>
          {tab === "chat" && <Chat show={show} />}
          {tab === "form" && <Try meta={meta} show={show} />}
          {tab === "batch" && <Batch meta={meta} show={show} />}
          {tab === "runs" && <Runs show={show} />}
          {tab === "picture" && <Picture name={meta.name} />}
        </section>
        {meta.shows_steps && tab !== "picture" && (
          <section class="panel side" aria-label="Steps">
            <h2>Steps</h2>
            {shown.value ? <StepTree key={shown.value.id} steps={shown.value.steps} /> : <p class="quiet">The steps of a run appear here.</p>}
          </section>
        )}
      </main>
    </>
  );
}

function KeyForm() {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    useKey(String(new FormData(event.currentTarget as HTMLFormElement).get("key")));
    void load();
  };
  return (
    <main class="wide">
      <form class="panel key" onSubmit={submit}>
        <h1>A key is needed</h1>
        <div class="field">
          <label for="key">Key of this server</label>
          <input id="key" name="key" type="password" autocomplete="off" required autofocus />
          {hasKey() && <p class="error" role="alert">The server has refused this key.</p>}
          <small class="quiet">It is kept in this tab alone, until you close it.</small>
        </div>
        <div class="actions"><button type="submit" class="primary">Use this key</button></div>
      </form>
    </main>
  );
}

function Index() {
  return (
    <main class="wide">
      <section class="panel">
        <h1>Chains</h1>
        <ul class="chains">
          {chains.value.map((name) => (
            <li key={name}><a href={`${encodeURIComponent(name)}/`}>{name}</a></li>
          ))}
        </ul>
      </section>
    </main>
  );
}

function App() {
  return (
    <>
      {needsKey.value ? <KeyForm /> : meta.value ? <ChainPage meta={meta.value} /> : chains.value.length > 0 ? <Index /> : (
        <main class="wide">{problem.value ? <p class="error" role="alert">{problem.value}</p> : <p class="quiet">Loading …</p>}</main>
      )}
      <Announcer />
    </>
  );
}

render(<App />, document.getElementById("app")!);
void load();
