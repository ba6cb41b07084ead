"""The tables of docs/benchmarks.md for what a server is asked: P11, P12, P15.

It must not measure.
"""

from __future__ import annotations

from bench import api, scrape

_SAID = {
    "bare": "a bare FastAPI route that answers a fixed dict, behind uvicorn as it comes",
    "naive": "one page with every App through a `response_model`",
}


def scrape_table(r: scrape.Result) -> str:
    rows = [
        "| a scrape of `/metrics` | a scrape | bare text | ratio (95 %) |",
        "|---|---|---|---|",
        f"| the text | {r.text_seconds * 1e3:.1f} ms | {r.bare_seconds * 1e3:.1f} ms | **{r.text.median:.2f}** "
        f"({r.text.low:.2f} to {r.text.high:.2f}) |",
        f"| with every gauge measured anew | {r.whole_seconds * 1e3:.1f} ms | {r.bare_seconds * 1e3:.1f} ms | "
        f"**{r.whole.median:.2f}** ({r.whole.low:.2f} to {r.whole.high:.2f}) |",
        "",
        f"{r.series:,} series, {r.bytes / 1024:,.0f} KiB, with {r.apps:,} Apps on 20 clusters; {r.series_of_few:,} "
        "with a tenth of the Apps.",
    ]
    return "\n".join(rows)


def asked_table(r: api.Result) -> str:
    path = r.target.path.format(app="APP")
    digits, more = (0 if share.median >= 10 else 2 for share in (r.share, r.share_writing))
    rows = [
        "| | processor time | requests/s seen by the client | p99 at half of that |",
        "|---|---|---|---|",
        f"| `GET {path}` | {r.ours_us:,.0f} µs | {r.ours_rate:,.0f} | {r.p99 * 1e3:,.1f} ms |",
        f"| the same, with a commit of another process before each request | {r.writing_us:,.0f} µs | | |",
        f"| {_SAID[r.target.bound]} | {r.bound_us:,.0f} µs | {r.bound_rate:,.0f} | |",
        "",
        f"Requests for each second of processor time: **{r.share.median:.{digits}f} times** those of the bound "
        f"({r.share.low:.{digits}f} to {r.share.high:.{digits}f}); with those commits "
        f"**{r.share_writing.median:.{more}f}** ({r.share_writing.low:.{more}f} to {r.share_writing.high:.{more}f}). "
        f"Requests to clusters: {r.asked_of_clusters:.0f}.",
    ]
    return "\n".join(rows)
