"""What a process without the API answers: whether it lives, and its metrics; nothing else of MCD."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from mcd.api.probes import probes
from mcd.settings import Environment


async def test_controllers_alone_answer_their_probes_and_nothing_of_the_api(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(probes(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://mcd.test") as client:
        assert (await client.get("/livez")).text == "ok\n"
        metrics = (await client.get("/metrics")).text
        assert "mcd_build_info{" in metrics
        assert "mcd_data_free_bytes" in metrics
        assert (await client.head("/livez")).status_code == 200
        assert (await client.post("/livez")).status_code == 405
        for path in ("/readyz", "/version", "/api/v1/apps", "/git/shop.git/info/refs", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 404, path


def test_two_texts_are_answered_without_what_the_api_is_made_of() -> None:
    told = "import sys, mcd.api.probes, mcd.api.server; print([m for m in ('fastapi', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_where_controllers_answer_is_an_address_or_nothing() -> None:
    assert Environment(metrics_listen="").metrics_listen == ""
    assert Environment(metrics_listen="127.0.0.1:9090").metrics_listen == "127.0.0.1:9090"
    with pytest.raises(ValidationError, match="is not an address"):
        Environment(metrics_listen="9090")
