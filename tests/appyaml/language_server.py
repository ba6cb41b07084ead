"""A real yaml-language-server over stdio, asked as an editor asks it. Every wait has a deadline.

It must not know what the answers should be.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""For one answer, on a busy machine."""

SETTINGS = {
    "yaml": {
        "validate": True,
        "hover": True,
        "completion": True,
        "schemaStore": {"enable": False},
        "kubernetesCRDStore": {"enable": False},
    }
}
"""As an editor has them, without anything that is fetched."""


class Editor:
    """One session. `folder` is what the editor has opened."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._number = self._opened = 0
        self._answers: dict[int, Any] = {}
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._said: dict[str, list[dict[str, Any]]] = {}
        threading.Thread(target=self._read, daemon=True).start()
        root = folder.as_uri()
        capabilities = {
            "textDocument": {"completion": {"completionItem": {"documentationFormat": ["plaintext"]}}, "hover": {}},
            "workspace": {"configuration": True},
        }
        self.ask("initialize", processId=None, rootUri=root, capabilities=capabilities, workspaceFolders=None)
        self.tell("initialized")
        self.tell("workspace/didChangeConfiguration", settings=SETTINGS)

    # --- what a person does -----------------------------------------------------------------------------------------

    def open(self, text: str) -> list[dict[str, Any]]:
        """Opens a file, a new one each time, and waits for what the server says is wrong with it."""
        self._opened += 1
        uri = self._file
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        self._until(lambda: uri in self._said)
        return self._said[uri]

    def complete(self, line: int, column: int) -> list[dict[str, Any]]:
        """What is offered at a place of it; line and column from 0."""
        answer = self.ask("textDocument/completion", **self._at(line, column))
        return list(answer["items"] if isinstance(answer, dict) else answer)

    def hover(self, line: int, column: int) -> str:
        """What is shown at a place of it."""
        answer = self.ask("textDocument/hover", **self._at(line, column))
        return str(answer["contents"]["value"]) if answer else ""

    @property
    def _file(self) -> str:
        """The file that was opened last."""
        return (self._folder / f"app-{self._opened}.yaml").as_uri()

    def _at(self, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self._file}, "position": {"line": line, "character": column}}

    # --- the protocol -----------------------------------------------------------------------------------------------

    def ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        self._until(lambda: number in self._answers)
        return self._answers.pop(number)

    def tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while head := self._process.stdout.readline():
            length = int(head.partition(b":")[2])
            while self._process.stdout.readline().strip():
                pass
            self._messages.put(json.loads(self._process.stdout.read(length)))

    def _until(self, true: Any) -> None:
        end = time.monotonic() + SECONDS
        while not true():
            try:
                self._hear(self._messages.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                raise TimeoutError(f"yaml-language-server said nothing for {SECONDS:g} s") from None

    def _hear(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            assert "error" not in message, message["error"]
            self._answers[message["id"]] = message.get("result")
        elif method == "textDocument/publishDiagnostics":
            self._said[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif method == "workspace/configuration":
            items = message["params"]["items"]
            self._send({"id": message["id"], "result": [SETTINGS.get(item.get("section") or "", {}) for item in items]})
        elif "id" in message:
            self._send({"id": message["id"], "result": None})


@contextmanager
def editor(program: Path, folder: Path) -> Iterator[Editor]:
    """The server, stopped by its pid when the block ends."""
    process = subprocess.Popen(
        ["node", str(program), "--stdio"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Editor(process, folder)
    finally:
        process.kill()
        process.wait(timeout=10)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
