"""What is said of the platform: clusters, namespaces, what MCD may not or will not write, and of what is well.

A table, as `pods.py` is one. The sentence of MCD's own refusals is what the controller said, which names the object.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.model.outcomes import Reason
from mcd.model.why.keys import Family, Why
from mcd.model.why.said import Phrase, Words


def _platform(reason: Reason, en: str, zh: str, step_en: str = "", step_zh: str = "", patch: str = "") -> Words:
    return Words(Family.PLATFORM, reason, Phrase(en, zh), Phrase(step_en, step_zh), patch)


WELL: Mapping[Why, Words] = {
    Why.READY: Words(Family.WELL, Reason.READY, Phrase("{what}", "{what}")),
    Why.STOPPED: Words(Family.WELL, Reason.READY, Phrase("{what}", "{what}")),
    Why.PROGRESSING: Words(Family.WELL, Reason.PROGRESSING, Phrase("{what}", "{what}")),
    Why.UNKNOWN: Words(
        Family.WELL, Reason.PROGRESSING,
        Phrase("MCD does not know this state; in the cluster's own words: {said}.",
               "MCD 不认识这种状态；集群的原话是：{said}。"),
        Phrase("Read the words and the lines below; tell the MCD team, so that it gets a sentence of its own.",
               "请看原话和下面的内容；也请告诉 MCD 团队，以便为它补上说明。"),
    ),
}  # fmt: skip

PLATFORM: Mapping[Why, Words] = {
    Why.NODE_LOST: _platform(
        Reason.PROGRESSING,
        "node {node}, on which a pod runs, does not answer since {since}.",
        "pod 所在的节点 {node} 从 {since} 起没有响应。",
        "Another node takes over after five minutes; ask the cluster's owner about node {node}.",
        "五分钟后会由其他节点接替；请向集群管理员询问节点 {node}。",
    ),
    Why.CLUSTER_UNREACHABLE: _platform(
        Reason.UNREACHABLE,
        "the cluster {cluster} does not answer since {since}: {said}", "集群 {cluster} 从 {since} 起没有响应：{said}",
        "What runs there runs on. It goes on by itself when the cluster answers: `mcd cluster show {cluster}`.",
        "已在运行的不受影响；集群恢复后会自动继续：`mcd cluster show {cluster}`。",
    ),
    Why.CLUSTER_REFUSES_US: _platform(
        Reason.CLUSTER_AUTH_FAILED,
        "the cluster {cluster} does not let MCD in since {since}: {said}",
        "集群 {cluster} 从 {since} 起拒绝 MCD 登录：{said}",
        "Ask an admin to give the cluster a new kubeconfig, or MCD its rights there: `mcd cluster show {cluster}`.",
        "请管理员为该集群更新 kubeconfig，或给 MCD 授权：`mcd cluster show {cluster}`。",
    ),
    Why.NAMESPACE_TERMINATING: _platform(
        Reason.NAMESPACE_TERMINATING,
        "the namespace {name} is being deleted in the cluster.", "集群正在删除命名空间 {name}。",
        "It is made again by itself when it is gone.", "删除完成后系统会自动重新创建。",
    ),
    Why.NAMESPACE_FINALIZER: _platform(
        Reason.NAMESPACE_TERMINATING,
        "the namespace {name} is being deleted and does not end: {said}.", "命名空间 {name} 一直删不完：{said}。",
        "Ask whoever owns these finalizers to let go; then it is made again by itself.",
        "请相应 finalizer 的负责人处理；之后系统会自动重新创建。",
    ),
    Why.FINALIZER_STUCK: _platform(
        Reason.DELETING,
        "{kind} {name} is being deleted since {since} and waits for the finalizer {finalizer} of {owner}.",
        "{kind} {name} 从 {since} 起正在删除，在等待 {owner} 的 finalizer {finalizer}。",
        "Ask whoever runs {owner}: only that program may take the finalizer away.",
        "请联系 {owner} 的负责人：只有该程序可以移除这个 finalizer。",
    ),
    Why.KIND_NOT_SERVED: _platform(
        Reason.KIND_NOT_SERVED,
        "{what}",
        "{what}",
        "Ask the cluster's owner to install it, or take the part of app.yaml away that needs it.",
        "请集群管理员安装它，或从 app.yaml 里去掉需要它的部分。",
    ),
    Why.IMMUTABLE_FIELD: _platform(
        Reason.IMMUTABLE_FIELD,
        "{what}", "{what}",
        "Rename the component, or delete the object that cannot change.", "请重命名组件，或删除这个不能修改的对象。",
    ),
    Why.FIELD_FIGHT: _platform(
        Reason.FIELD_FIGHT,
        "{what}", "{what}",
        "Stop the other manager, then `mcd deploy {app}`.", "请停掉另一个管理者，然后 `mcd deploy {app}`。",
    ),
    Why.FOREIGN_OBJECT: _platform(
        Reason.NOT_OURS,
        "{what}", "{what}",
        "Delete the other object, or `mcd deploy {app} --take-over`.",
        "请删除那个对象，或 `mcd deploy {app} --take-over` 接管它。",
    ),
    Why.PRUNE_WAITS: _platform(
        Reason.PRUNE_NEEDS_CONFIRMATION,
        "it waits for a confirmation of what it deletes: {said}", "等待确认将要删除的内容：{said}",
        "Read the list. The command behind it goes on; `mcd rollback {app} --to N` runs something else.",
        "请核对清单。执行后面的命令继续；`mcd rollback {app} --to N` 则运行别的版本。",
    ),
    Why.NEWER_IN_CLUSTER: _platform(
        Reason.NEWER_IN_CLUSTER,
        "the database is older than what runs: {said}", "数据库比集群里运行的内容旧：{said}",
        "Ask an admin whether a newer backup is restored; if not, {command}.",
        "请向管理员确认是否恢复较新的备份；若不恢复，{command}。",
    ),
    Why.COMMIT_GONE: _platform(
        Reason.COMMIT_NOT_FOUND,
        "the commit is not in the repository any more: {said}", "仓库里已经没有这个提交：{said}",
        "Push the commit again.", "请重新推送这个提交。",
    ),
    Why.APP_YAML_WRONG: _platform(
        Reason.INVALID_APP_YAML,
        "app.yaml has problems: {said}", "app.yaml 有问题：{said}",
        "Mend app.yaml, commit and push again.", "请修正 app.yaml，提交后重新推送。",
    ),
    Why.PUT_BACK: _platform(
        Reason.ROLLED_BACK,
        "the new version failed and the one before runs again: {said}", "新版本失败，已恢复上一个版本：{said}",
        "Mend what it says and push again; `mcd history {app} -o wide` tells what was tried.",
        "请修好后重新推送；`mcd history {app} -o wide` 可查看尝试过的版本。",
    ),
    Why.QUARANTINED: _platform(
        Reason.QUARANTINED,
        "working on it ended MCD three times, so it is left alone: {said}",
        "处理它时 MCD 三次异常退出，已暂停处理：{said}",
        "Ask for it again: `mcd deploy {app}`; and tell the MCD team.",
        "请重新部署：`mcd deploy {app}`；并告诉 MCD 团队。",
    ),
    Why.NOT_DEPLOYED: _platform(
        Reason.NEW,
        "nothing of {app} is deployed: {what}", "{app} 还没有部署任何内容：{what}",
        "Push a commit with an app.yaml, or `mcd deploy {app}`.", "请推送带有 app.yaml 的提交，或 `mcd deploy {app}`。",
    ),
    Why.WAITS: _platform(Reason.PROGRESSING, "it goes on by itself: {said}", "系统会自动继续：{said}"),
    Why.OTHER: _platform(
        Reason.PROGRESSING,
        "{reason}: {said}", "{reason}：{said}",
    ),
}  # fmt: skip
