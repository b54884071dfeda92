// The pages work without this: here is only what makes them quicker by keyboard, and says that work goes on.

const question = document.querySelector("form[role=search] input[type=search]");

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  event.preventDefault();
  if (question) {
    question.focus();
    question.select();
  } else {
    location.assign("/");
  }
});

// the arrows turn the pages of a paper
document.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!way || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || isTyping(event.target)) return;
  document.querySelector(`a[rel=${way}]`)?.click();
});

const form = question?.form;
form?.addEventListener("submit", () => {
  form.setAttribute("aria-busy", "true");
});
// coming back with the browser's back button shows the page as it was left
window.addEventListener("pageshow", () => form?.removeAttribute("aria-busy"));

// a library that is still being opened: look every two seconds whether it is ready
if (document.querySelector("#waiting")) {
  const look = setInterval(async () => {
    const answer = await fetch("/readyz").catch(() => null);
    if (!answer?.ok) return;
    clearInterval(look);
    location.reload();
  }, 2000);
}
