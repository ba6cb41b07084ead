"""The words and numbers that stand where nobody wrote one: the compiler fills them in, the namespace's own limits say
them, people read them.

Constants only.
"""

from __future__ import annotations

from mcd.appyaml.text.units import GI, MI, Bytes

DAY = 86_400
TYPES = ("web", "service", "daemon", "cron", "job")
LONG = ("web", "service", "daemon")
TYPE_ALIASES = {
    "worker": "daemon", "cronjob": "cron", "scheduled": "cron", "task": "job",
    "rpc": "service", "tcp": "service", "grpc": "service", "http": "web",
}  # fmt: skip
VENDORS = ("nvidia", "amd", "intel", "cambricon", "ascend", "hygon", "iluvatar", "metax", "mthreads", "mc40")
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2")
TRIGGERS = ("manual", "pre_deploy", "post_deploy", "on_failure")
FAMILIES = ("python", "java", "node", "go", "dotnet", "php", "ruby", "static")

WITH_A_DEPLOY = 900
"""Seconds that a job may take whose deploy waits for it."""
DEFAULT_PORT = 8080
DEFAULT_REPLICAS = 1
DEFAULT_USER = 10001
DEFAULT_CPU = 100
DEFAULT_MEMORY = Bytes(256 * MI)
DEFAULT_DISK = Bytes(2 * GI)
SIDECAR_CPU = 50
SIDECAR_MEMORY = Bytes(64 * MI)
SIDECAR_DISK = Bytes(256 * MI)
"""What stands where nobody wrote it: the compiler fills it in, the namespace's own limits say it, people read it."""
