import { useChat } from "@ai-sdk/react";
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
} from "ai";
import { useEffect, useState } from "react";

import { Conversation } from "./chat.jsx";

export function ResumedChat({ api, id }) {
  const [kept] = useState(() => JSON.parse(sessionStorage.getItem(id) ?? "[]"));
  const chat = useChat({
    id,
    messages: kept,
    resume: true,
    transport: new DefaultChatTransport({ api }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });

  useEffect(() => {
    sessionStorage.setItem(id, JSON.stringify(chat.messages));
  }, [id, chat.messages]);

  // A page that only stops reading may come back, so the run goes on: this stops it.
  async function stop() {
    await chat.stop();
    await fetch(`${api}/${id}/stream`, { method: "DELETE" });
  }

  return <Conversation {...chat} stop={stop} />;
}
