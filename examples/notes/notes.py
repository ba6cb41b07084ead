"""The page: notes in SQLite on the App's own directory, shown by the template that app.yaml delivers as a file."""

import html
import os
import sqlite3
import urllib.parse
import urllib.request
from pathlib import Path

from ending import Answering, serve

PAGE = Path("/etc/notes/page.html").read_text()
# One pod at a time writes here (permdir.single_writer), which is what SQLite wants.
DATABASE = f"{os.environ['PERMDIR']}/notes.db"
COUNTERS = int(os.environ["COUNTERS"])
LIMIT = 4096


def opened() -> sqlite3.Connection:
    return sqlite3.connect(DATABASE, timeout=5)


def page() -> str:
    with opened() as database:
        notes = [text for (text,) in database.execute("select text from notes order by id")]
    return PAGE.replace("NOTES", "".join(f"<li>{html.escape(note)}</li>" for note in notes))


def counts() -> str:
    """What each counter says, asked by the name that it keeps."""
    lines = []
    for number in range(COUNTERS):
        name = f"{os.environ['MCD_APP']}-counter-{number}"
        with urllib.request.urlopen(f"http://{name}.{os.environ['MCD_APP']}-counter-peers:8000/", timeout=3) as answer:
            lines.append(answer.read().decode())
    return "".join(lines)


class Page(Answering):
    def get(self) -> None:
        if self.path == "/healthz":
            self.answer(200, "ok\n")
        elif self.path == "/counts":
            try:
                self.answer(200, counts())
            except OSError as error:
                self.answer(503, f"a counter does not answer: {error}\n")
        elif self.path == "/":
            self.answer(200, page(), "text/html")
        else:
            self.answer(404, "not found\n")

    def post(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LIMIT:
            self.answer(413, "a note is short\n")
            return
        form = urllib.parse.parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        with opened() as database:
            database.execute("insert into notes (text) values (?)", (form.get("note", [""])[0][:200],))
        self.answer(200, page(), "text/html")


if __name__ == "__main__":
    with opened() as first:
        first.execute("create table if not exists notes (id integer primary key, text text not null)")
    serve(int(os.environ["PORT"]), Page)
