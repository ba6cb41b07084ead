"""Texts that a fuzzer puts where app.yaml wants a value: good ones of every kind, and the traps of YAML.

It must not know any key.
"""

from __future__ import annotations

GOOD = (
    "a", "web", "api", "main", "x1", "face-gateway", "user-center", "grpc", "http", "metrics", "admin", "redis",
    "mysql",
    "1", "2", "3", "5", "10", "70", "80", "100", "443", "1024", "8080", "9000", "65535", "0", "0.5", "1.5", "500m",
    "100m",
    "16Mi", "64Mi", "256Mi", "512Mi", "1Gi", "1.5Gi", "2G", "10Gi", "1Ti", "1s", "5s", "30s", "90s", "5m", "10m", "1h",
    "2h", "7d", "1h30m", "500ms", "true", "false", "/", "/healthz", "/ready", "/api", "/api/v1", "/data", "/data/x",
    "/etc/app/app.conf", "/var/cache", "/tmp/x", "deploy/Dockerfile", "config.json", ".", "src", "example.com",
    "shop.example.com", "*.example.com", "a.b.example.org", "nginx:1.29.3", "registry.example.com/app:1.2", "nginx",
    "python -m shop", "python -m shop --port $PORT", "sh", "-c", "main", "release/*", "v*", "docs/**", "*/5 * * * *",
    "0 3 * * *", "@daily", "Asia/Shanghai", "UTC", "city-iot", "general", "gpu-t4", "T4", "T4:2", "A100-80GB:4",
    "nvidia",
    "payment/token", "wildcard", "wildcard/tls.crt", "infra.mysql.host", "infra.mysql.url", "app_dep.user-center.url",
    "LOG_LEVEL", "A", "DB_URL", "info", "{{ .App }}", "{{ .Commit }}-x", "$(A)", "$$", "it's", 'say "hi"', "0444",
    "0640",
    "> 90%", "cpu > 90%", "p95 > 500ms and rps > 10", "up == 0", "sum(rate(x[5m])) > 1", "error", "alice", "bob",
    "10.0.0.0/16", "SIGTERM", "SIGINT", "auto", "on", "off", "rolling", "recreate", "canary", "any", "all", "small",
    "linux/amd64", "linux/arm64", "python3.11", "java17", "3.11", "8.0", "some words of text", "名字", "é", "😀",
)  # fmt: skip
"""Values as people write them. A key that wants something else refuses them, which is a way through the code too."""

TRAPS = (
    "yes", "no", "on", "off", "y", "N", "~", "null", "", "012", "0o17", "0x1F90", "1e3", "2.0", "1_000", "1.10",
    "22:22",
    "4090:2", "2026-11-22", "-1", "+1", "-0", "0", "00", "99999", "9" * 19, "9" * 5000, "1" + "0" * 400, "1e999",
    ".5", "5.",
    ".inf", ".nan", "0b1", "0x", "1:20:30", "٣", "²", "512m", "512MB", "30", "1h1h", "1m1h", "0s", "999999999d", "=",
    "<<",
    "'", "''", '""', "'x", '"x', "*x", "&x y", "!x y", "!!str x", "|", ">", "%x", "@x", "`x`", "[", "]", "{", "}",
    "[]", "{}",
    "[[]]", "{a: }", "{{ .A }}", "{{", "}}", "{{ end }}", "{{ if .A }}", "{{- .A -}}", "{{/* x */}}", "{{ .A | b }}",
    "{{ .A.B }}", "{{ . }}", "{{ $x }}", '{{ printf "%d" 1 }}', "a: b: c", "- a", "? a", ": a", "a #b", "#a", "---",
    "...",
    "\t", " a", "a ", "a\\n", '"a\\nb"', '"\\u0000"', '"\\ud800"', '"\\x07"', '"\\U0001F600"', "\u202eabc", "\u200b",
    "a\u0301",
    "\ufeff", "\x85", "\u2028", "\x7f", "$", "$(", "$(X)", "${X}", "$$(X)", "$(PORT)", "`id`", "$(id)", "; id",
    "&& id", "| id",
    "../x", "/../x", "/proc", "/sys/x", "/dev/null", "/etc/../etc", "//", "a/../b", "C:\\x", "a\\b", "/" + "a" * 4000,
    "a" * 31, "a" * 41, "a" * 64, "a" * 254, "a" * 40_000, "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b",
    "kube-system", "mcd",
    "default", "egress", "x-canary", "x-peers", "http://u:p@h/", "ghp_" + "a" * 36, "AKIA" + "A" * 16,
    "-----BEGIN RSA PRIVATE KEY-----", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0", "nginx:latest", "NGINX:1", "a:b:c",
    "@sha256:x",
    "* * * * *", "60 * * * *", "0 0 30 2 *", "0 0 31 2 *", "* * * * * *", "@reboot", "TZ=UTC * * * * *", "*/0 * * * *",
    "1-0 * * * *", "0 0 * * 7", "cpuu > 1", "cpu >", "cpu > 1 and", "cpu => 1", "/(/", "/a(b/", "((", "sum(", "{",
)  # fmt: skip
"""Values that readers of YAML, shells, templates, paths or units take for something else. Written as they stand."""

NAMES = (
    "web", "api", "worker", "clean", "seed", "a", "b1", "rpc", "x-y", "main", "grpc", "admin", "debug", "mysql",
    "redis",
    "mongo", "cache", "user-center", "log", "proxy", "city-iot",
)  # fmt: skip
ODD_NAMES = (
    "Web", "1a", "a--b", "a-", "-a", "a" * 31, "a" * 70, "egress", "x-canary", "http", "oauth", "mcd", "PORT",
    "MCD_X", "A",
    "DB_URL", "/etc/app.conf", "/data", "/", "8080", "yes", "~", "<<", '""', "'a b'", '"\\n"', "[a]", "{a: b}", "*x",
    "名",
)  # fmt: skip
VARIABLES = ("LOG", "A", "B", "DB_URL", "API_TOKEN", "PORT_X", "PATH", "x", "_y")
PATHS = ("/etc/app/app.conf", "/etc/app/x.json", "/data/x", "/var/cache", "/srv/www/a.txt", "/opt/b")
