// A terminal over the WebSocket of the API. The first byte of each frame says the channel: 0 input, 1 output, 2 error
// output, 3 the exit, 4 the size. The ticket is asked for when the person presses, and is good once.
(() => {
  "use strict";
  const form = document.getElementById("shell");
  if (!form || !globalThis.Terminal) return;
  const place = document.getElementById("terminal");
  const state = document.getElementById("shell-state");
  const open = document.getElementById("shell-open");
  const close = document.getElementById("shell-close");
  const INPUT = 0, OUTPUT = 1, ERROR = 2, EXIT = 3, SIZE = 4;
  const encoder = new TextEncoder();
  let socket = null;
  let terminal = null;

  // The policy of our pages refuses style elements and style attributes that a script writes as text. What xterm
  // writes so goes through the object model instead, which the policy allows: a sheet of the document stands behind an
  // element that shows nothing.
  const createElement = document.createElement.bind(document);
  const restyled = (name, options) => {
    if (String(name).toLowerCase() !== "style") return createElement(name, options);
    const element = createElement("template");
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    Object.defineProperty(element, "textContent", {
      get: () => "",
      set: (text) => sheet.replaceSync(text),
    });
    return element;
  };
  document.createElement = restyled;
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this instanceof HTMLElement) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };

  const tell = (text) => {
    state.textContent = text;
  };

  const frame = (channel, bytes) => {
    const whole = new Uint8Array(bytes.length + 1);
    whole[0] = channel;
    whole.set(bytes, 1);
    return whole;
  };

  const send = (channel, bytes) => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    // At most 64 KiB in a frame; what is pasted may be more.
    for (let at = 0; at === 0 || at < bytes.length; at += 32768) {
      socket.send(frame(channel, bytes.subarray(at, at + 32768)));
    }
  };

  const sized = () => send(SIZE, encoder.encode(JSON.stringify({ columns: terminal.cols, rows: terminal.rows })));

  const shown = () => {
    if (terminal) return;
    terminal = new Terminal({ cursorBlink: false, screenReaderMode: true, scrollback: 5000, fontSize: 14 });
    const fit = new FitAddon.FitAddon();
    terminal.loadAddon(fit);
    terminal.open(place);
    fit.fit();
    let escaped = 0;
    terminal.attachCustomKeyEventHandler((event) => {
      if (event.type !== "keydown") return true;
      const now = performance.now();
      if (event.key === "Escape" && now - escaped < 600) {
        close.hidden ? open.focus() : close.focus();
        return false;
      }
      escaped = event.key === "Escape" ? now : 0;
      return true;
    });
    terminal.onData((text) => send(INPUT, encoder.encode(text)));
    terminal.onBinary((text) => send(INPUT, Uint8Array.from(text, (c) => c.charCodeAt(0))));
    terminal.onResize(sized);
    new ResizeObserver(() => fit.fit()).observe(place);
  };

  const ended = (text) => {
    if (!socket) return;
    socket = null;
    open.disabled = false;
    close.hidden = true;
    tell(text);
    open.focus();
  };

  const read = (name) => form.querySelector(`#s-${name}`).value.trim();

  open.addEventListener("click", async () => {
    open.disabled = true;
    tell(form.dataset.opening);
    shown();
    terminal.reset();
    const wish = { command: read("command").split(/\s+/).filter(Boolean), tty: true };
    if (!wish.command.length) wish.command = ["sh"];
    for (const name of ["component", "pod", "container"]) {
      if (read(name)) wish[name] = read(name);
    }
    let answer;
    try {
      const response = await fetch(form.dataset.ask, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(wish),
      });
      answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
    } catch (error) {
      open.disabled = false;
      tell(error instanceof SyntaxError || error instanceof TypeError ? form.dataset.unreached : error.message);
      return;
    }
    const address = new URL(form.dataset.ask, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("ticket", answer.ticket);
    const mine = new WebSocket(address);
    socket = mine;
    let code = null;
    mine.binaryType = "arraybuffer";
    mine.addEventListener("open", () => {
      tell(form.dataset.open.replace("{pod}", answer.pod));
      close.hidden = false;
      sized();
      terminal.focus();
    });
    mine.addEventListener("message", (event) => {
      const bytes = new Uint8Array(event.data);
      if (bytes[0] === OUTPUT || bytes[0] === ERROR) terminal.write(bytes.subarray(1));
      if (bytes[0] === EXIT) code = JSON.parse(new TextDecoder().decode(bytes.subarray(1))).exit_code;
    });
    mine.addEventListener("close", (event) => {
      if (socket !== mine) return;
      if (code !== null) ended(form.dataset.ended.replace("{code}", String(code)));
      else ended(event.reason ? `${form.dataset.closed} ${event.reason}` : form.dataset.closed);
    });
  });

  close.addEventListener("click", () => socket?.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    open.click();
  });
})();
