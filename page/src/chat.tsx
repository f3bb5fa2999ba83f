// A conversation with a chain that takes messages.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Json } from "./api";
import { Answer, type MessagePart } from "./answer";
import { Code } from "./code";
import { Area } from "./form";
import { Output } from "./output";

type Turn = { role: "user"; id: string; text: string } | { role: "assistant"; id: string; answer: Answer };

const turns = signal<Turn[]>([]);
const draft = signal("");
const CHAT = "api/chat";

/** What is sent: the conversation as clients of the AI SDK keep it.
 *
 * It has no id, so that no server keeps the answer for a later reader: leaving stops it. */
function bodyOf(conversation: Turn[], stepsToo: boolean): { [key: string]: Json } {
  const messages = conversation.map((turn) => ({
    id: turn.id,
    role: turn.role,
    parts: turn.role === "user" ? [{ type: "text", text: turn.text }] : turn.answer.parts,
  }));
  return { messages: messages as unknown as Json, ...(stepsToo && { steps: true }) };
}

let count = 0;

const userTurn = (text: string): Turn => ({ role: "user", id: `user-${++count}`, text });

export function Chat({ show }: { show: (answer: Answer) => void }) {
  const end = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLFormElement>(null);
  const last = turns.value.at(-1);
  const running = last?.role === "assistant" && last.answer.status.value === "running" ? last.answer : undefined;
  const canRetry = last?.role === "assistant" && ["failed", "stopped"].includes(last.answer.status.value);

  const answerTo = (conversation: Turn[]) => {
    const answer = new Answer();
    turns.value = [...conversation, { role: "assistant", id: answer.id, answer }];
    show(answer);
    void answer.stream(CHAT, bodyOf(conversation, true));
  };
  const ask = () => {
    if (running || !draft.value.trim()) return;
    const conversation = [...turns.value, userTurn(draft.value)];
    draft.value = "";
    answerTo(conversation);
  };
  const decide = (part: MessagePart, isApproved: boolean) => {
    if (last?.role !== "assistant" || !part.approval) return;
    part.state = "approval-responded";
    part.approval = { ...part.approval, approved: isApproved };
    last.answer.frames.ask();
    box.current?.querySelector("textarea")?.focus(); // the buttons go
    if (last.answer.parts.some((each) => each.state === "approval-requested")) return;
    show(last.answer);
    void last.answer.stream(CHAT, bodyOf(turns.value, true)); // it goes on with the same message
  };

  const version = last?.role === "assistant" ? last.answer.frames.read() : 0;
  useEffect(() => follow(end.current), [version, turns.value.length]);

  const preview = draft.value || (turns.value.findLast((turn) => turn.role === "user") as { text: string } | undefined)?.text || "Hello";
  return (
    <>
      <div class="chat" role="log" aria-label="Conversation" aria-live="polite">
        {turns.value.map((turn) =>
          turn.role === "user" ? (
            <article key={turn.id} class="turn user"><h3 class="sr">You</h3><div class="text">{turn.text}</div></article>
          ) : (
            <article key={turn.id} class="turn">
              <h3 class="sr">Answer</h3>
              <Output answer={turn.answer} onDecide={decide} />
              {turn.answer !== running && (
                <button type="button" class="link" onClick={() => show(turn.answer)}>Show its steps</button>
              )}
            </article>
          ),
        )}
        {turns.value.length === 0 && <p class="quiet">Write a message. The answer appears as it comes.</p>}
        <div ref={end} />
      </div>
      <form
        class="ask"
        ref={box}
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            if (!(event.target as Element).matches("textarea")) return;
            event.preventDefault();
            ask();
          }
        }}
      >
        <Area label="Your message" placeholder="Your message" rows={2} value={draft.value} onInput={(text) => (draft.value = text)} />
        <div class="actions">
          {running ? (
            <button type="button" class="stop" onClick={() => running.stop()}>Stop</button>
          ) : (
            <button type="submit" class="primary">Send</button>
          )}
          {canRetry && <button type="button" onClick={() => answerTo(turns.value.slice(0, -1))}>Try again</button>}
          {turns.value.length > 0 && !running && (
            <button type="button" onClick={() => (turns.value = [])}>New conversation</button>
          )}
          <small class="quiet">Enter sends, Shift+Enter makes a line.</small>
        </div>
      </form>
      <Code request={{ path: CHAT, body: bodyOf([{ role: "user", id: "1", text: preview }], false), streams: true }} />
    </>
  );
}

/** Keep the end in view, unless the reader has scrolled away from it. */
function follow(end: HTMLElement | null): void {
  const box = end?.parentElement;
  if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 200) box.scrollTop = box.scrollHeight;
}
