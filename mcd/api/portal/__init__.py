"""The portal: MCD as pages, rendered by the server, in the reader's language, readable without scripts.

How a page is made (one file each, named after the word in the address, say `things`):

1. `routes/things.py`: `router = pages()`; the route declares who may (`Reader`, `Deployer`, `Setter` of
   `mcd.api.access`), reads the store in one `async with runtime.db.reading()` as that Actor, and answers
   `show(request, Page("things/list.html", things_view(...), "mcd thing list"), now=runtime.now())`. A form posts
   back, does the same intent as the API inside `runtime.db.writing()`, and answers `done(url, word)`. A page over all
   Apps is made once for many who ask (`briefly`), and in steps between which others have their turn (`shown`).
2. `views/things.py`: pure functions from what the store answered to a frozen dataclass of plain values. English words
   that a page shows are marked `n_("…")`.
3. `templates/things/list.html`: extends `layout.html`, fills `title` and `main`, uses the macros of
   `parts/macros.html`, says every text as `{{ _("…") }}`. A block can be asked for alone by htmx or sent by `live`. A
   line of a long list is a template of its own, and remembered: `{{ same("parts/app_row.html", app=app) }}`.
4. `locale/zh_CN/things.po`: `python -m scripts.translations` finds the texts; a person translates them.
5. `tests/portal/`: the page in Chromium, by the fixtures of `conftest.py`, in the file of what it is about (lists,
   acts, who may see what, live parts).

Where the name is another one: /events is `audit`, /product-lines is `lines`, /login is `signing`, a tab of an App is
`app_tab` (`app_acts` has those that change what runs, `app_past` Releases and Rollouts). The pages of `home`, `apps`,
`audit`, `lines`, `signing` and `tokens` lie in `templates/portal/`, their texts in `portal.po`; those of one App in
`templates/app/`.

A page asks no cluster, so it is there also when one is away. Three look into one, by `mcd.api.looks` or
`mcd.api.taps`, with a deadline and one question for all who look: the pods of an App (`app`), its logs (`app_logs`),
and what is free on nodes (`clusters`).

It must not know SQL, how a cluster is asked, or a rule: those are the store's, `mcd.kube`'s and the compiler's.
"""

from __future__ import annotations

from collections import deque

from fastapi import FastAPI
from fastapi.routing import APIRouter

from mcd.api.looks import Looks
from mcd.api.portal import refusals
from mcd.api.portal.briefly import Briefly
from mcd.api.portal.routes import app as one_app
from mcd.api.portal.routes import (
    app_acts,
    app_history,
    app_logs,
    app_past,
    app_scale,
    app_settings,
    app_shell,
    apps,
    audit,
    clusters,
    docs,
    files,
    home,
    lines,
    signing,
    tokens,
)
from mcd.api.running import Drafts
from mcd.api.taps import Taps

ROUTERS: tuple[APIRouter, ...] = (
    files.router,
    signing.router,
    home.router,
    apps.router,
    lines.router,
    tokens.router,
    audit.router,
    one_app.router,
    app_acts.router,
    app_history.router,
    app_logs.router,
    app_past.router,
    app_scale.router,
    app_settings.router,
    app_shell.router,
    clusters.router,
    docs.router,
)


def install(app: FastAPI) -> None:
    """What refusals of the application look like to a person, and where reports of browsers are kept."""
    app.state.refusal_page = refusals.page
    app.state.csp_reports = deque(maxlen=files.KEPT)
    db = app.state.runtime.db
    app.state.briefly = Briefly(db.mark, lambda: db.commits, app.state.runtime.now)
    app.state.looks = Looks(app.state.runtime.now)
    app.state.drafts = Drafts()
    app.state.taps = Taps()
