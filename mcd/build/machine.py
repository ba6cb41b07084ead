"""What this machine knows about package indexes, as files that a build may read: pip.conf and .npmrc.

Reads the machine's own settings and answers text; what is written where is the builder's affair. It must never hand on
a password or a token: every Dockerfile could print it. Somebody who wants that gives a file of his own.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATES = Path("/etc/ssl/certs")
_BUNDLE = CERTIFICATES / "ca-certificates.crt"
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "find-links", "proxy", "timeout", "retries")
_NPM_KEYS = ("registry", "proxy", "https-proxy", "noproxy", "strict-ssl", "fetch-retries", "fetch-timeout")
_PIP_ALWAYS = {
    "disable-pip-version-check": "true",
    "no-cache-dir": "true",
    "no-input": "true",
    "root-user-action": "ignore",
}
_VARIABLES = {"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"} | {
    one for name in ("http_proxy", "https_proxy", "no_proxy") for one in (name, name.upper())
}
_NPM_ALWAYS = {"audit": "false", "fund": "false", "update-notifier": "false"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Settings for builds. `certificates` is a folder that is mounted read-only at the same place, or None."""

    pip_conf: str = ""
    npmrc: str = ""
    certificates: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the builder itself needs of the environment: where programs are, and the proxy."""


def read(environ: Mapping[str, str], *, root: Path = Path("/")) -> Machine:
    """This machine's settings: the files that pip and npm would read below `root`, then the environment over them."""
    bundle = (root / _BUNDLE.relative_to("/")).is_file()
    home = root / environ.get("HOME", "/root").lstrip("/")
    pip_files: list[Path | str] = [
        root / "etc/pip.conf",
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        environ.get("PIP_CONFIG_FILE", ""),
    ]
    npm_files: list[Path | str] = [
        root / "usr/etc/npmrc",
        root / "etc/npmrc",
        environ.get("NPM_CONFIG_USERCONFIG", "") or home / ".npmrc",
    ]
    return Machine(
        pip_conf(_texts(pip_files), environ, bundle),
        npmrc(_texts(npm_files), environ, bundle),
        CERTIFICATES if bundle else None,
        {name: value for name, value in environ.items() if name in _VARIABLES and value},
    )


def _texts(files: Iterable[Path | str]) -> list[str]:
    """What can be read of `files`. A file that is not there or not ours to read says nothing."""
    found = []
    for file in files:
        try:
            found.append(Path(file).read_text("utf-8") if file else "")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def pip_conf(texts: Iterable[str], environ: Mapping[str, str], bundle: bool) -> str:
    """A pip.conf from the `texts` of the machine's, later ones over earlier ones, and PIP_* variables over all."""
    kept: dict[str, str] = {}
    for text in texts:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                kept.update({key: value for key, value in parser.items(section) if key in _PIP_KEYS and value})
    for key in _PIP_KEYS:
        value = environ.get("PIP_" + key.upper().replace("-", "_")) or (
            environ.get("PIP_DEFAULT_TIMEOUT") if key == "timeout" else ""
        )
        if value:
            kept[key] = value
    if "find-links" in kept:
        # A folder of this machine is not there in the build.
        kept["find-links"] = " ".join(one for one in kept["find-links"].split() if "://" in one)
    lines = {key: " ".join(without_password(value).split()) for key, value in kept.items() if value}
    if bundle:
        lines["cert"] = str(_BUNDLE)
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in sorted({**lines, **_PIP_ALWAYS}.items()))


def npmrc(texts: Iterable[str], environ: Mapping[str, str], bundle: bool) -> str:
    """A .npmrc from the `texts` of the machine's and npm_config_* variables: registries and proxies, no tokens."""
    kept: dict[str, str] = {}
    for text in texts:
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            key, value = key.strip(), value.strip().strip("\"'")
            if equals and value and "${" not in value and (key in _NPM_KEYS or re.fullmatch(r"@[\w.-]+:registry", key)):
                kept[key] = value
    lowered = {name.lower(): value for name, value in environ.items()}
    for key in _NPM_KEYS:
        value = lowered.get("npm_config_" + key.replace("-", "_"), "")
        if value:
            kept[key] = value
    lines = {key: " ".join(without_password(value).split()) for key, value in kept.items()}
    if bundle:
        lines["cafile"] = str(_BUNDLE)
    return "".join(f"{key}={value}\n" for key, value in sorted({**lines, **_NPM_ALWAYS}.items()))


def without_password(text: str) -> str:
    """`text` with user and password of every URL taken out."""
    return _USERINFO.sub("", text)
