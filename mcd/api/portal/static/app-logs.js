// New lines of a log as they come. Text goes into text nodes only: whatever a program says stays a text.
(() => {
  "use strict";
  const log = document.getElementById("log");
  if (!log) return;
  const MOST = 5000;
  const state = document.getElementById("log-state");
  const search = document.getElementById("l-q");
  const pause = document.getElementById("log-pause");
  let held = [];
  let lost = 0;
  let paused = false;

  const fits = (text) => {
    const wanted = (search?.value ?? "").toLowerCase();
    return !wanted || text.toLowerCase().includes(wanted);
  };

  const part = (name, text) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    return span;
  };

  const add = (lines) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    for (const [time, pod, container, text, ours] of lines) {
      const line = document.createElement("span");
      line.className = ours ? "line mcd" : "line";
      if (time) line.append(part("time", time), " ");
      if (pod) line.append(part("from", `${pod} ${container}`), " ");
      line.append(part("said", text));
      if (!ours && !fits(text)) line.dataset.out = "";
      log.append(line, "\n");
    }
    document.getElementById("log-empty")?.remove();
    let over = log.querySelectorAll(".line").length - MOST;
    while (over-- > 0) {
      log.firstElementChild?.remove();
      if (log.firstChild?.nodeType === Node.TEXT_NODE) log.firstChild.remove();
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  };

  search?.addEventListener("input", () => {
    for (const line of log.querySelectorAll(".line:not(.mcd)")) {
      if (fits(line.querySelector(".said").textContent)) delete line.dataset.out;
      else line.dataset.out = "";
    }
  });

  const tell = (text) => {
    if (state && state.textContent !== text) state.textContent = text;
  };

  pause?.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.querySelector("span").textContent = paused ? pause.dataset.go : pause.dataset.pause;
    if (paused) return;
    if (lost) add([["", "", "", `${lost}: ${log.dataset.dropped}`, true]]);
    add(held);
    held = [];
    lost = 0;
    tell(log.dataset.live);
  });

  log.scrollTop = log.scrollHeight;
  if (!log.dataset.stream) return;

  // A stream takes one of the few connections that a browser has for a host, so that a page nobody looks at has none.
  // The browser opens it again only when the connection breaks; after any other answer than 200 it is for us to do.
  const address = new URL(log.dataset.stream, location.href);
  let source = null;
  let timer = 0;
  let wait = 0;
  let over = false;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const later = () => {
    close();
    if (over || document.hidden) return;
    wait = Math.min(wait ? wait * 2 : 2000, 30000);
    // Not all pages at once when a server is back.
    timer = setTimeout(open, wait * (0.7 + 0.6 * Math.random()));
  };

  const told = (event) => {
    if (event.lastEventId) address.searchParams.set("after", event.lastEventId);
    const lines = JSON.parse(event.data);
    if (!paused) {
      add(lines);
      return;
    }
    held.push(...lines);
    if (held.length > MOST) {
      lost += held.length - MOST;
      held = held.slice(-MOST);
    }
    tell(`${log.dataset.waiting} ${held.length}`);
  };

  function open() {
    close();
    if (over || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("open", () => {
      wait = 0;
      if (!paused) tell(log.dataset.live);
    });
    source.addEventListener("lines", told);
    source.addEventListener("trouble", (event) => {
      const { code, detail } = JSON.parse(event.data);
      add([["", "", "", detail, true]]);
      // What is gone or forbidden does not come back by asking again.
      over = code !== "unavailable";
      if (over) close();
      tell(log.dataset.lost);
    });
    source.addEventListener("error", () => {
      tell(log.dataset.lost);
      if (source?.readyState === EventSource.CLOSED) later();
    });
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
})();
