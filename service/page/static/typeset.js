// Formulas of an answer, and of the passages it rests on, drawn as in the notes that they stand in.

import { enhance } from "./reading.js";

const TEX = /\$\$([^$]+)\$\$|\$(?!\s)([^$\n]*[^$\s\\])\$(?!\d)/; // what Markdown takes for a formula

export function typeset(root) {
  const unread = (text) => (text.parentElement.matches(".math") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  for (const passage of root.querySelectorAll(".sources .passage")) {
    const walker = document.createTreeWalker(passage, NodeFilter.SHOW_TEXT, unread);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) single(text);
  }
  enhance(root);
}

// make an element of the first formula of a text; those after it are in the text that the walk comes to next
function single(text) {
  const found = text.data.match(TEX);
  if (!found) return;
  const formula = document.createElement("code");
  formula.className = "math";
  formula.dataset.tex = found[1] ?? found[2];
  formula.dataset.display = found[1] ? "block" : "inline";
  formula.append(found[0]); // as it is written, until it is drawn, and where it cannot be
  const rest = text.splitText(found.index);
  rest.data = rest.data.slice(found[0].length);
  rest.before(formula);
}
