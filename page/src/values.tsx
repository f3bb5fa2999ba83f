// Values as a reader sees them: text as text, JSON in lines, both cut to size.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { Json, KeptValue } from "./api";

const LONGEST = 20_000;

/** A string with its line breaks. What is long is cut; the rest comes on a click. */
export function Text({ text, mono = false, longest = LONGEST }: { text: string; mono?: boolean; longest?: number }) {
  const [limit, setLimit] = useState(longest);
  const rest = text.length - limit;
  return (
    <>
      <div class={mono ? "text mono" : "text"} tabIndex={mono ? 0 : undefined}>
        {rest > 0 ? text.slice(0, limit) : text}
      </div>
      {rest > 0 && (
        <button type="button" class="link" onClick={() => setLimit(limit * 10)}>
          Show more ({size(rest)} left)
        </button>
      )}
    </>
  );
}

export function Value({ value }: { value: unknown }) {
  return typeof value === "string" ? <Text text={value} /> : <Text text={pretty(value)} mono />;
}

export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}

/** A value that the server keeps. */
export function Kept(props: { title: string; value: KeptValue | null; onMore: () => void }) {
  const { title, value, onMore } = props;
  if (value === null) return null;
  const hasMore = value.text.length < value.kept;
  return (
    <section>
      <h4>
        {title} <small>{size(value.kept)}</small>
        <Copy text={value.text} label="Copy" of={title.toLowerCase()} />
      </h4>
      <Readable value={value} />
      {hasMore && <button type="button" class="link" onClick={onMore}>Show all {size(value.kept)}</button>}
      {!hasMore && value.is_cut && <p class="quiet">There was more, which the server has not kept.</p>}
    </section>
  );
}

interface Said {
  type: string;
  content: string;
  [field: string]: unknown;
}

/** A value as a reader sees it: text, messages with what each says, other JSON in lines. */
function Readable({ value }: { value: KeptValue }) {
  const parsed = value.kind === "json" ? parse(value.text) : undefined;
  if (parsed === undefined) return <Text text={value.text} mono={value.kind === "json"} longest={Infinity} />;
  const messages = messagesIn(parsed);
  if (!messages) return <Text text={pretty(parsed)} mono longest={Infinity} />;
  return (
      <dl class="messages text mono" tabIndex={0}>
        {messages.map(({ type, content, ...more }, index) => (
          <div key={index}>
            <dt>{type}</dt>
            <dd>{content}{content && Object.keys(more).length > 0 && "\n"}{Object.keys(more).length > 0 && <small>{pretty(more)}</small>}</dd>
          </div>
        ))}
      </dl>
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // it was cut
  }
}

/** The messages that a value consists of. */
function messagesIn(value: unknown): Said[] | undefined {
  const inner = isObject(value) && Object.keys(value).length === 1 && "messages" in value ? value.messages : value;
  const all = Array.isArray(inner) ? inner : [inner];
  return all.length > 0 && all.every(isSaid) ? all : undefined;
}

const isObject = (value: unknown): value is { [key: string]: unknown } =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const isSaid = (value: unknown): value is Said =>
  isObject(value) && typeof value.type === "string" && typeof value.content === "string";

export function size(length: number): string {
  if (length < 1000) return `${length} characters`;
  return length < 1_000_000 ? `${(length / 1000).toFixed(1)} k` : `${(length / 1e6).toFixed(1)} M`;
}

export function short(value: Json | string, length = 160): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > length ? `${text.slice(0, length)} …` : text;
}

const said = signal("");
let timer: ReturnType<typeof setTimeout> | undefined;

/** A sentence that is shown for a moment, and read out. */
export function Announcer() {
  return <div role="status" class={said.value ? "toast" : ""}>{said.value}</div>;
}

export function say(text: string): void {
  said.value = text;
  clearTimeout(timer);
  timer = setTimeout(() => (said.value = ""), 2500);
}

export function Copy({ text, label, of }: { text: string; label: string; of?: string }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("The browser does not allow it. Select the text and copy it.");
    }
  };
  return (
    <button type="button" class="link" onClick={copy}>
      {label}{of && <span class="sr"> {of}</span>}
    </button>
  );
}
