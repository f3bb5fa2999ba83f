// The page of the chain that the query names: /page/?chain=words, or /page/?chain=words&resume=ID

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Chat } from "./chat.jsx";
import { ResumedChat } from "./resumed_chat.jsx";

const query = new URLSearchParams(location.search);
const api = `/${query.get("chain")}/api/chat`;
const id = query.get("resume");

createRoot(document.getElementById("root")).render(
  <StrictMode>{id ? <ResumedChat api={api} id={id} /> : <Chat api={api} />}</StrictMode>,
);
