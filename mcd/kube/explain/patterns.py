"""The one list of what clusters say and what it means: where it is said, the words, the state.

Pure, a table: the first that fits is taken. Words of a newer Kubernetes are added here, with a captured case.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mcd.errors import echo
from mcd.kube.explain.facts import cut
from mcd.model.why import Why


class Said(StrEnum):
    """Where the words stand."""

    PULL = "of an image that cannot be pulled"
    CONFIG = "of a container that cannot be made"
    START = "of a program that cannot be started"
    LAST_LINES = "by a program before it died"
    MOUNT = "of a volume that cannot be mounted"
    PROBE = "of a check that failed"
    REFUSED = "of pods that cannot be made"
    CLAIM = "of a volume that is not made"
    WAITING = "by the scheduler of a volume"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`final`: waiting is of no use; None: as it is for its place. Named groups become parameters."""

    said: Said
    words: str
    why: Why
    final: bool | None = None


_is = Pattern
"""As the list reads."""


@functools.cache
def _compiled(words: str) -> re.Pattern[str]:
    """When a cluster first says something there: to compile them all is as much as a twentieth of a start."""
    return re.compile(words, re.IGNORECASE)


PATTERNS: tuple[Pattern, ...] = (
    # containerd, and the registries behind it
    _is(Said.PULL, r"no match for platform|no matching manifest|exec format", Why.IMAGE_ARCHITECTURE, True),
    _is(Said.PULL, r"no space left", Why.NODE_DISK_FULL),
    _is(Said.PULL, r"unauthorized|denied|authentication required|authorization failed|forbidden", Why.IMAGE_REFUSED,
        True),
    _is(Said.PULL, r"not found|manifest unknown|does not exist|name unknown", Why.IMAGE_NOT_FOUND, True),
    _is(Said.PULL, r"ErrImageNeverPull|pull policy of Never", Why.IMAGE_NEVER, True),
    _is(Said.PULL, r"InvalidImageName|couldn't parse image|invalid reference format", Why.IMAGE_NAME, True),
    # the kubelet, before a container is made
    _is(Said.CONFIG, r'secret "(?P<name>[^"]+)" not found', Why.SECRET_MISSING),
    _is(Said.CONFIG, r'configmap "(?P<name>[^"]+)" not found', Why.CONFIGMAP_MISSING),
    _is(Said.CONFIG, r"couldn't find key (?P<key>\S+) in Secret (?:[^/\s]+/)?(?P<name>\S+)", Why.SECRET_KEY_MISSING),
    _is(Said.CONFIG, r"couldn't find key (?P<key>\S+) in ConfigMap (?:[^/\s]+/)?(?P<name>\S+)",
        Why.CONFIGMAP_KEY_MISSING),
    _is(Said.CONFIG, r"runAsNonRoot|non-root|non-numeric user", Why.RUNS_AS_ROOT),
    _is(Said.CONFIG, r"subPath|mount", Why.MOUNT_BAD),
    # runc
    _is(Said.START, r"mount\w* .*(?:not a directory|no such file)|onto a file|is a directory: unknown", Why.MOUNT_BAD),
    _is(Said.START, r"exec format error", Why.COMMAND_ARCHITECTURE),
    _is(Said.START, r"permission denied|is a directory", Why.COMMAND_NOT_EXECUTABLE),
    _is(Said.START, r"executable file not found|no such file or directory", Why.COMMAND_MISSING),
    # programs, in the words of the C library
    _is(Said.LAST_LINES, r"read-only file ?system|EROFS", Why.READ_ONLY_FILES),
    _is(Said.LAST_LINES, r"no space left on device|ENOSPC|disk quota exceeded", Why.VOLUME_FULL),
    _is(Said.LAST_LINES, r"exec format error", Why.COMMAND_ARCHITECTURE),
    # the kubelet, of volumes
    _is(Said.MOUNT, r'secret "(?P<name>[^"]+)" not found', Why.SECRET_MISSING, True),
    _is(Said.MOUNT, r'configmap "(?P<name>[^"]+)" not found', Why.CONFIGMAP_MISSING, True),
    _is(Said.MOUNT, r"references non-existent (?:config|secret) key: (?P<key>\S+)", Why.MOUNT_BAD, True),
    _is(Said.MOUNT, r'Multi-Attach error for volume "(?P<name>[^"]+)"', Why.ATTACHED_ELSEWHERE),
    # the kubelet, of probes
    _is(Said.PROBE, r"statuscode: (?P<code>\d+)", Why.HTTP_CODE),
    _is(Said.PROBE, r"connection refused", Why.NOTHING_LISTENS),
    _is(Said.PROBE, r"deadline exceeded|time-?out|timed out", Why.PROBE_TIMEOUT),
    # the API server, of pods that a controller makes
    _is(Said.REFUSED, r"exceeded quota: (?P<quota>.+)", Why.QUOTA, False),
    _is(Said.REFUSED, r"(?:failed quota: |must specify )(?P<quota>.+)", Why.QUOTA, True),
    _is(Said.REFUSED, r"violates PodSecurity", Why.POD_SECURITY),
    _is(Said.REFUSED, r"(?:maximum|minimum) \S+ usage per|max limit to request ratio|limitrange", Why.LIMIT_RANGE),
    _is(Said.REFUSED, r'failed calling webhook "(?P<webhook>[^"]+)"', Why.ADMISSION_UNREACHABLE, False),
    _is(Said.REFUSED, r'admission webhook "(?P<webhook>[^"]+)" denied the request(?: without explanation)?:? ?'
        r"(?P<said>.*)", Why.ADMISSION_REFUSED),
    _is(Said.REFUSED, r"ValidatingAdmissionPolicy '(?P<webhook>[^']+)'.* denied request: (?P<said>.*)",
        Why.ADMISSION_REFUSED),
    _is(Said.REFUSED, r"forbidden|denied the request|is invalid", Why.CLUSTER_REFUSED),
    # provisioners
    _is(Said.CLAIM, r'storageclass(?:\.storage\.k8s\.io)? "(?P<cls>[^"]+)" not found', Why.CLASS_MISSING),
    # the scheduler
    _is(Said.WAITING, r'persistentvolumeclaim "(?P<name>[^"]+)" not found', Why.CLAIM_MISSING),
    _is(Said.WAITING, r"volume node affinity conflict|didn't match PersistentVolume's node affinity",
        Why.VOLUME_ELSEWHERE),
    _is(Said.WAITING, r"persistentvolumeclaim", Why.CLAIM_PENDING),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """What fits, and what it names."""

    why: Why
    params: Mapping[str, str]
    final: bool | None


def match(said: Said, text: str) -> Match | None:
    """The first pattern of a place that fits the words."""
    words = " ".join(cut(text).split())
    for pattern in PATTERNS:
        if pattern.said is said and (found := _compiled(pattern.words).search(words)) is not None:
            named = {name: echo(value or "", 300).rstrip(".") for name, value in found.groupdict().items()}
            return Match(pattern.why, named, pattern.final)
    return None
