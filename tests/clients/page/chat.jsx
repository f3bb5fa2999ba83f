import { useChat } from "@ai-sdk/react";
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
} from "ai";
import { useState } from "react";

export function Chat({ api }) {
  const chat = useChat({
    transport: new DefaultChatTransport({ api }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  return <Conversation {...chat} />;
}

export function Conversation({ messages, sendMessage, status, error, stop, ...chat }) {
  const [draft, setDraft] = useState("");
  const last = messages.at(-1)?.id; // a request that a person has written past is denied
  const isBusy = status === "submitted" || status === "streaming";

  function submit(event) {
    event.preventDefault();
    sendMessage({ text: draft });
    setDraft("");
  }

  return (
    <main>
      {messages.map(({ id, role, parts }) => (
        <article key={id} className={role}>
          {parts.map((part, index) => (
            <Part key={index} part={part} answer={id === last && chat.addToolApprovalResponse} />
          ))}
        </article>
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={submit}>
        <input
          required
          aria-label="Message"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
        />
        <button disabled={isBusy}>Send</button>
        <button type="button" disabled={!isBusy} onClick={() => stop()}>Stop</button>
      </form>
    </main>
  );
}

function Part({ part, answer }) {
  switch (part.type) {
    case "text":
      return <p>{part.text}</p>;
    case "reasoning":
      return <p className="reasoning">{part.text}</p>;
    case "dynamic-tool":
      return <Call {...part} answer={answer} />;
    case "data-output": // an output that is no text
      return <pre>{asText(part.data)}</pre>;
    default:
      return null;
  }
}

// A call of a tool; its approval, its result or its error comes later.
function Call({ toolName, input, output, errorText, state, approval, answer }) {
  return (
    <>
      <pre>
        {toolName}({asText(input)}) {asText(output ?? errorText)}
        {state === "output-denied" && "denied"}
      </pre>
      {state === "approval-requested" && answer && (
        <p role="group" aria-label={`May ${toolName} run?`}>
          <button onClick={() => answer({ id: approval.id, approved: true })}>Approve</button>
          <button onClick={() => answer({ id: approval.id, approved: false })}>Deny</button>
        </p>
      )}
    </>
  );
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
