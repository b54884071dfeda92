// Pages and parts of pages that the server wrote, as elements. Nothing else may make elements of text: the policy of the
// pages has the browser refuse that to any other code, so that no text of a note can become markup by mistake.

const policy = self.trustedTypes?.createPolicy("footnote", { createHTML: (text) => text });

export function parsed(text) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
}
