"""The workload of a component (app-yaml 6.5): Deployment, StatefulSet, CronJob or Job.

It must not look into the pod.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.names import peers_service
from mcd.appyaml.render.labels import made, stable, workload_labels
from mcd.appyaml.render.pod import template
from mcd.appyaml.render.storage import claim_templates
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.running import RolloutSpec
from mcd.objects import COMMIT, PREFIX, TRIGGER, Object, canonical

_POLICIES = {"allow": "Allow", "forbid": "Forbid", "replace": "Replace"}


def workload(spec: AppSpec, component: ComponentSpec) -> Object:
    """The one object whose pods are the component."""
    if component.schedule is not None:
        return _cron(spec, component)
    if component.run is not None:
        return _job(spec, component)
    return _deployment(spec, component) if component.stateful is None else _stateful_set(spec, component)


def _annotations(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    annotations = {COMMIT: component.commit}
    if spec.description:
        annotations[f"{PREFIX}description"] = spec.description
    if spec.settings_revision:
        annotations[f"{PREFIX}settings-revision"] = str(spec.settings_revision)
    if component.overrides:
        said = {path: {"app_yaml": here, "settings": there} for path, (here, there) in component.overrides.items()}
        annotations[f"{PREFIX}overrides"] = canonical(said).decode()
    return annotations


def _deployment(spec: AppSpec, component: ComponentSpec) -> Object:
    deployment = made(
        "apps/v1", "Deployment", spec, component.base, workload_labels(spec, component), _annotations(spec, component)
    )
    deployment["spec"] = {
        "progressDeadlineSeconds": component.rollout.timeout,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": stable(spec, component)},
        "strategy": _strategy(component.rollout),
        "template": template(spec, component),
    }
    if component.autoscale is None:
        deployment["spec"]["replicas"] = component.replicas
    return deployment


def _stateful_set(spec: AppSpec, component: ComponentSpec) -> Object:
    stateful = component.stateful
    assert stateful is not None
    stateful_set = made(
        "apps/v1", "StatefulSet", spec, component.base, workload_labels(spec, component), _annotations(spec, component)
    )
    stateful_set["spec"] = {
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": stable(spec, component)},
        "serviceName": peers_service(component.base),
        "template": template(spec, component),
        "updateStrategy": {"type": "RollingUpdate"},
    }
    claims = claim_templates(stateful)
    if claims:
        stateful_set["spec"]["volumeClaimTemplates"] = claims
    if component.autoscale is None:
        stateful_set["spec"]["replicas"] = component.replicas
    return stateful_set


def _strategy(rollout: RolloutSpec) -> dict[str, Any]:
    if rollout.strategy == "recreate":
        return {"type": "Recreate"}
    update = {"maxSurge": rollout.max_surge, "maxUnavailable": rollout.max_unavailable}
    return {"rollingUpdate": update, "type": "RollingUpdate"}


def _cron(spec: AppSpec, component: ComponentSpec) -> Object:
    schedule = component.schedule
    assert schedule is not None
    cron = made(
        "batch/v1", "CronJob", spec, component.base, workload_labels(spec, component), _annotations(spec, component)
    )
    cron["spec"] = {
        "concurrencyPolicy": _POLICIES[schedule.concurrency],
        "failedJobsHistoryLimit": schedule.failure,
        "jobTemplate": {"metadata": {"labels": workload_labels(spec, component)}, "spec": _run(spec, component)},
        "schedule": schedule.schedule,
        "startingDeadlineSeconds": schedule.start_within,
        "successfulJobsHistoryLimit": schedule.success,
        "suspend": schedule.suspend,
        "timeZone": schedule.timezone,
    }
    return cron


def _job(spec: AppSpec, component: ComponentSpec) -> Object:
    run = component.run
    assert run is not None
    annotations = {**_annotations(spec, component), TRIGGER: run.trigger}
    job = made("batch/v1", "Job", spec, component.base, workload_labels(spec, component), annotations)
    suspended = run.trigger in ("manual", "on_failure")
    job["spec"] = {**_run(spec, component), "suspend": suspended, "ttlSecondsAfterFinished": run.keep}
    return job


def _run(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """What a Job and the template of a CronJob share. A drained node is no failure of the program."""
    run = component.run
    assert run is not None
    drained = [{"type": "DisruptionTarget", "status": "True"}]
    return {
        "activeDeadlineSeconds": run.timeout,
        "backoffLimit": run.retries,
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": drained}]},
        "template": template(spec, component),
    }
