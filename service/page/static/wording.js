// A chat model words the answer that is shown: each part of the page that comes takes the place of the one before.

import { parsed } from "./markup.js";

async function read(status, answer, signal) {
  status.textContent = `${status.dataset.model} is wording the answer …`;
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/wording", { method: "POST", headers, body: status.dataset.ask, signal });
  if (!response.ok) throw new Error((await response.json()).detail);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.match(/^data: (.*)$/m);
      if (!data) continue; // a comment that keeps the connection open
      const shown = JSON.parse(data[1]);
      answer.replaceChildren(...parsed(shown.html).body.childNodes);
      status.textContent = shown.status;
      if (/^event: answer$/m.test(event)) return;
    }
  }
  throw new Error("it broke off");
}

// until another question takes its place
export async function word(signal) {
  const status = document.querySelector("#wording");
  try {
    await read(status, document.querySelector("#answer"), signal);
  } catch (error) {
    if (signal.aborted) return;
    status.textContent = `In the library's own words: the chat model could not be asked (${error.message}).`;
  }
}
