// What the pages of the portal gain where there are scripts: copying, menus that close, filters that answer while one
// types, live parts that say when they are not live. Nothing that can be read or done needs it.
(() => {
  "use strict";

  // --- copying -------------------------------------------------------------------------------------------------
  const prepare = (root) => {
    for (const button of root.querySelectorAll("[data-copy][hidden]")) {
      if (navigator.clipboard) button.hidden = false;
    }
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      // The reader's own time beside UTC.
      time.dataset.local = "";
      const local = new Date(time.dateTime).toLocaleString(document.documentElement.lang, { timeZoneName: "short" });
      time.title = time.title ? `${time.title} · ${local}` : local;
    }
    for (const element of root.querySelectorAll("[data-scripted][hidden]")) element.hidden = false;
  };

  const notice = () => document.getElementById("notice");

  const say = (text, tone) => {
    const line = document.createElement("p");
    line.className = `note ${tone}`;
    line.textContent = text;
    notice()?.replaceChildren(line);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      return;
    }
    button.classList.add("done");
    say(button.dataset.done, "good");
  });

  // --- menus ---------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // --- a form is sent once -------------------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // A page that comes back from the browser's memory can be sent again.
    window.addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });

  // --- live parts ----------------------------------------------------------------------------------------------
  const lost = (element) => {
    if (element?.dataset?.lost && !element.dataset.off) {
      element.dataset.off = "yes";
      say(element.dataset.lost, "wait");
    }
  };
  document.addEventListener("htmx:sse:error", (event) => {
    // What is gone, or not to be seen any more, does not come back by asking again: the page itself says why.
    if ([401, 403, 404].includes(event.detail?.status)) location.reload();
    else lost(event.target);
  });
  document.addEventListener("htmx:sse:after:connection", (event) => {
    if (event.target.dataset.off) {
      delete event.target.dataset.off;
      notice()?.replaceChildren();
    }
  });
  // The server ends a stream with an event `error` when the page may not be seen any more: the page itself says why.
  // When it only could not look, the page stays as it is and says that it is not live until the stream is back.
  document.addEventListener("error", (event) => {
    const part = event.target;
    if (!(part instanceof Element && part.hasAttribute("hx-sse:connect") && event.detail)) return;
    const { code } = JSON.parse(event.detail.data);
    if (code === "unavailable" || code === "conflict") lost(part);
    else location.reload();
  });

  document.addEventListener("htmx:after:swap", () => prepare(document));
  // Without an answer htmx says nothing to the reader.
  document.addEventListener("htmx:error", (event) => {
    const text = document.body.dataset.noAnswer;
    if (text && !event.target?.closest?.("[data-lost]")) say(text, "bad");
  });

  prepare(document);
})();
