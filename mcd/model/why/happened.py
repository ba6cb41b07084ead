"""What MCD says of itself: of its conditions, and of what happened.

A table, as `notes.py` is one. Who says it writes it down with its parameters (`Saying`), so that a page can tell it in
the language of its reader.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.model.why.keys import Note
from mcd.model.why.said import Phrase

HAPPENED: Mapping[Note, Phrase] = {
    Note.WHOLE: Phrase("{of}", "{of}"),
    Note.ABOUT: Phrase("{component}: {what}", "{component}：{what}"),
    Note.AND_MORE: Phrase(" and {n} more", " 等，另有 {n} 个"),
    Note.LISTED: Phrase("{names}{others}", "{names}{others}"),
    Note.PLAIN_GONE: Phrase("gone", "已删除"),
    Note.FORGOTTEN: Phrase("forgotten", "已移除"),
    Note.NOT_TAKEN_YET: Phrase("It waits for a controller to look at it.", "正在等待控制器处理。"),
    Note.TRIED_AGAIN: Phrase("{said} It is tried again by itself.", "{said} 系统会自动重试。"),
    Note.BUG: Phrase(
        "A bug in MCD ended this pass; the server's log has the details. It is tried again by itself.",
        "MCD 自身的缺陷中断了这次处理，详情见服务器日志。系统会自动重试。",
    ),
    Note.ENDED_PROCESS: Phrase(
        "Working on it ended the process {n} times. Ask for it again when the cause is mended.",
        "处理它时进程 {n} 次异常退出。请在修好原因后重新提出。",
    ),
    Note.TOOK_OVER: Phrase("Rollout {by} took over.", "发布 {by} 已接替它。"),
    Note.WAS_SEEN_LAST: Phrase(
        "It was {before} when it was seen last{when}.", "最后一次看到它时{when}的状态是{before}。"
    ),
    Note.WAS_SEEN_SAYING: Phrase(
        "It was {before} when it was seen last: {what}", "最后一次看到它时的状态是{before}：{what}"
    ),
    Note.SEEN_AT: Phrase(" at {at} UTC", "（{at} UTC）"),
    Note.STATE_READY: Phrase("ready", "就绪"),
    Note.STATE_PROGRESSING: Phrase("progressing", "进行中"),
    Note.STATE_HEALTHY: Phrase("healthy", "健康"),
    Note.STATE_FAILED: Phrase("failed", "失败"),
    Note.STATE_STALLED: Phrase("stalled", "停滞"),
    # --- clusters
    Note.CLUSTER_OLD: Phrase(
        'cluster "{name}" runs {version}. MCD needs 1.{minor} or newer.',
        "集群 “{name}” 的版本是 {version}，MCD 需要 1.{minor} 或更新的版本。",
    ),
    Note.CLUSTER_ANSWERS: Phrase("Kubernetes {version} answers.", "Kubernetes {version} 有响应。"),
    Note.CLUSTER_UNLISTED: Phrase(
        "Since {since} UTC it does not list {kinds}. That is believed after {times} such answers in a "
        "row and {minutes} minutes.",
        "从 {since} UTC 起它不再列出 {kinds}。连续 {times} 次且持续 {minutes} 分钟后才会认定为真。",
    ),
    Note.CLUSTER_NO_CREDENTIAL: Phrase(
        'cluster "{name}" does not accept the credential. Give it a new kubeconfig.',
        "集群 “{name}” 不接受凭据，请更新它的 kubeconfig。",
    ),
    Note.CLUSTER_SAYS: Phrase('cluster "{name}": {said}', "集群 “{name}”：{said}"),
    Note.CLUSTER_SILENT: Phrase(
        'cluster "{name}" does not answer: {said} Nothing was changed; it is asked again.',
        "集群 “{name}” 没有响应：{said} 没有做任何改动，系统会继续尝试。",
    ),
    Note.CLUSTER_NOT_SEEN: Phrase('cluster "{name}" was not seen yet.', "还没有连接过集群 “{name}”。"),
    Note.SERVES_NO_LONGER: Phrase("no longer serves {kinds}.", "不再提供 {kinds}。"),
    Note.SERVES_NOW: Phrase("now serves {kinds}.", "开始提供 {kinds}。"),
    # --- product lines
    Note.LINE_WRONG: Phrase(
        "{said} No cluster was asked; correct it with `mcd product-line set {name} -f FILE`.",
        "{said} 没有访问任何集群；请用 `mcd product-line set {name} -f FILE` 更正。",
    ),
    Note.LINE_AS_ASKED: Phrase("namespace {name} is as asked for", "命名空间 {name} 符合要求"),
    Note.LINE_NOT_READY: Phrase('product line "{name}" is not ready. {said}', "产品线 “{name}” 还没有就绪。{said}"),
    Note.LINE_GUARD: Phrase(
        '{object}: "{manager}" changes it again and again ({detail}). It guards the namespace, so it is '
        "put back each time; that is told every {minutes} minutes. Stop {manager}.",
        "{object}：“{manager}” 反复修改它（{detail}）。它用来保护命名空间，所以每次都会被恢复；"
        "每 {minutes} 分钟提示一次。请停掉 {manager}。",
    ),
    Note.LINE_HOLDS_APPS: Phrase(
        "{n} Apps still live in it. They are deleted first.", "其中还有 {n} 个应用，要先删除它们。"
    ),
    Note.LINE_HOLDS_OTHERS: Phrase(
        "{what} in namespace {namespace} is not ours. Move or delete it, then it goes on.",
        "命名空间 {namespace} 里的 {what} 不属于 MCD。移走或删除后会自动继续。",
    ),
    Note.GONE_WITH_NAMESPACE: Phrase("is gone with namespace {name}.", "已随命名空间 {name} 一起删除。"),
    Note.WAITS_TO_GO: Phrase("waits for {what} to go.", "正在等待 {what} 被删除。"),
    Note.WAITS_FOR_LINE: Phrase(
        'waits for {object}, which product line "{name}" makes.',
        "正在等待产品线 “{name}” 创建 {object}。",
    ),
    # --- Rollouts
    Note.RELEASE_NOT_READY: Phrase(
        "Release {number} is not ready yet. See its build.",
        "版本 {number} 还没有就绪，请查看它的构建。",
    ),
    Note.PUT_BACK_TO: Phrase(
        "MCD went back to Rollout {number} (Release {release}).", "MCD 已退回发布 {number}（版本 {release}）。"
    ),
    Note.DEPLOY_TRIES_AGAIN: Phrase("`mcd deploy {app}` tries this one again.", "`mcd deploy {app}` 可以再试一次。"),
    Note.PULL_TRIED_AGAIN: Phrase(
        "The cluster tries again more and more seldom; `mcd restart {app}` does at once.",
        "集群重试的间隔会越来越长；`mcd restart {app}` 可以立即重试。",
    ),
    Note.OBJECT_HELD: Phrase("{object}: held: {detail}", "{object} 没有被改动：{detail}"),
    Note.OBJECT_SAYS: Phrase("{object}: {said}", "{object}：{said}"),
    Note.AND_OTHERS: Phrase("And {n} more.", "另有 {n} 个。"),
    Note.HELD_OTHER_MCD: Phrase(
        'it belongs to another MCD ("{owner}"). Choose another name, or delete it there.',
        "它属于另一个 MCD（“{owner}”）。请换一个名字，或在那边删除它。",
    ),
    Note.HELD_OLDER: Phrase(
        "this MCD made it, and its database does not know it: that is older, perhaps restored from a backup. "
        "Take it over with --take-over, or delete it.",
        "它由这个 MCD 创建，但数据库不认识它：数据库较旧，可能是从备份恢复的。请用 --take-over 接管它，或删除它。",
    ),
    Note.HELD_MADE_AGAIN: Phrase(
        'it was made again by "{manager}". Delete it, or take it over with --take-over.',
        "它被 “{manager}” 重新创建过。请删除它，或用 --take-over 接管它。",
    ),
    Note.HELD_FOREIGN: Phrase(
        'it exists and is not ours, made by "{manager}". Delete it, or take it over with --take-over.',
        "它已存在，由 “{manager}” 创建，不属于 MCD。请删除它，或用 --take-over 接管它。",
    ),
    Note.HELD_FIGHT: Phrase(
        '"{manager}" and "{ours}" change the same fields back again and again ({fields}). It is left as it is. '
        "Stop {manager}, or leave the fields to it; then deploy again.",
        "“{manager}” 和 “{ours}” 反复修改同样的字段（{fields}），MCD 已停手。"
        "请停掉 {manager}，或把这些字段让给它；然后重新部署。",
    ),
    # --- what a cluster refuses: what and where, then what to do
    Note.NAMESPACE_GOES: Phrase("{object}: the namespace is being deleted.", "{object}：正在删除命名空间。"),
    Note.NAMESPACE_COMES: Phrase("It is made again when it is gone.", "删除完成后会重新创建。"),
    Note.NO_RIGHT: Phrase(
        "{object}: the cluster does not allow MCD to {act}.", "{object}：集群不允许 MCD 执行 {act}。"
    ),
    Note.GRANT_IT: Phrase(
        "The cluster's owner can grant it (ClusterRole of MCD).", "集群管理员可以授予它（MCD 的 ClusterRole）。"
    ),
    Note.KIND_NOT_KNOWN: Phrase(
        "{object}: the cluster does not know this kind of object.", "{object}：集群不认识这种对象。"
    ),
    Note.INSTALL_IT: Phrase("Ask the cluster's owner to install it.", "请集群管理员安装它。"),
    Note.NEVER_CHANGES: Phrase(
        "{object}: {fields} never changes on a living object.", "{object}：字段 {fields} 在对象创建后不能修改。"
    ),
    Note.RENAME_IT: Phrase("Delete the object, or rename the component.", "请删除这个对象，或重命名组件。"),
    # --- a database that is older than what runs
    Note.NEWER_RUNS: Phrase(
        "the cluster runs Rollout {number}, asked for at {at} UTC ({object}{others}), which this database does not "
        "know: it is older, perhaps restored from a backup. Nothing was changed. Restore a newer one, or {way}",
        "集群里运行的是发布 {number}（{at} UTC 提出，{object}{others}），这个数据库不认识它：数据库较旧，"
        "可能是从备份恢复的。没有做任何改动。请恢复较新的备份，或{way}",
    ),
    Note.WAY_FORWARD: Phrase(
        "`{command}` to run the commit that runs there with the Settings and secrets known here{latest}; or {back}",
        "用 `{command}` 以这里的设置和密钥运行那里正在运行的提交{latest}；或{back}",
    ),
    Note.OR_LATEST: Phrase(
        " (or with the latest in git of its commits: {commits})", "（或用它的提交里 git 中最新的一个：{commits}）"
    ),
    Note.WAY_BACK: Phrase(
        "`{command}` to go on with what is known here{beside}.", "用 `{command}` 按这里已知的内容继续{beside}。"
    ),
    Note.STAYS_BESIDE: Phrase(
        "; {object}{others} then stays beside it until somebody deletes it",
        "；{object}{others} 会一直留在旁边，直到有人删除它",
    ),
    Note.UNNAMED_RUNS: Phrase(
        "what the inventory names of it is deleted, but not {what}, which this database does not know. It is older "
        "than what runs, perhaps restored from a backup. Restore a newer one or delete them; then it goes on by "
        "itself: `{command}`",
        "清单里的对象已删除，但 {what} 还在：这个数据库不认识它们，它比正在运行的内容旧，可能是从备份恢复的。"
        "请恢复较新的备份，或删除它们，之后会自动继续：`{command}`",
    ),
    Note.COMMAND_IS: Phrase("`{command}`", "`{command}`"),
    Note.COMMAND_NAMED: Phrase("give the command that the sentence names", "请执行上面写的命令"),
    Note.BY_HAND_LATER: Phrase(
        "it waits to be started by hand, which MCD cannot do yet.",
        "它需要手动启动，MCD 目前还不支持。",
    ),
    Note.COUNTED: Phrase("{component} {ready}/{desired}", "{component} {ready}/{desired}"),
    Note.ALL_AS_ASKED: Phrase("everything is as it was asked for", "一切符合要求"),
    Note.SUMMARY: Phrase("{what}{kept}{unclaimed}", "{what}{kept}{unclaimed}"),
    Note.KEPT_BECAUSE: Phrase(". Kept: {what}: {why}", "。保留：{what}：{why}"),
    Note.UNCLAIMED: Phrase(
        ". Unclaimed: {what} {n:holds data and stays|hold data and stay}.",
        "。无人认领：{what} 保存着数据，予以保留。",
    ),
    Note.PLAYED: Phrase(
        ". On simulated nodes, where nothing runs: {what}{rest}", "。在模拟节点上（没有真正运行）：{what}{rest}"
    ),
    Note.GONE_WHOLE: Phrase("is gone with all its objects.", "已连同全部对象一起删除。"),
    Note.HOLDS_DATA: Phrase("{what} hold data and stay.", "{what} 保存着数据，予以保留。"),
    Note.OBJECTS_WRITTEN: Phrase("{counts}: {objects}.", "{counts}：{objects}。"),
    Note.COUNT_CREATED: Phrase("{n} created", "新建 {n} 个"),
    Note.COUNT_CONFIGURED: Phrase("{n} configured", "修改 {n} 个"),
    Note.COUNT_DELETED: Phrase("{n} deleted", "删除 {n} 个"),
    Note.OBJECT_HEALED: Phrase(
        "{object} was changed by {manager} and is put back: {detail}",
        "{object} 被 {manager} 修改，已恢复：{detail}",
    ),
    Note.IS_READY: Phrase("is ready", "已就绪"),
    # --- Releases
    Note.BUILD_COULD_NOT_RUN: Phrase("the build could not run: {said}", "构建无法运行：{said}"),
    Note.NO_BUILDER: Phrase(
        "app.yaml wants an image built, and there is no builder here. Write image: on each component, or "
        "set MCD_BUILDER=buildah and MCD_REGISTRY.",
        "app.yaml 需要构建镜像，但这里没有构建器。请给每个组件写上 image:，"
        "或设置 MCD_BUILDER=buildah 和 MCD_REGISTRY。",
    ),
    Note.BUILDING_IMAGE: Phrase("building the image of commit {commit}", "正在构建提交 {commit} 的镜像"),
    Note.IMAGE_BUILT: Phrase("built {image}", "已构建 {image}"),
    Note.IMAGE_NOT_PINNED: Phrase("image {image} could not be pinned: {why}.", "镜像 {image} 无法固定到摘要：{why}。"),
    Note.NOTHING_BUILT: Phrase("nothing had to be built", "不需要构建"),
    Note.IMAGES_ARE: Phrase("image {image}{others}", "镜像 {image}{others}"),
    # --- points of a timeline
    Note.POINT_ROLLOUT: Phrase(
        "Rollout {number} · Release {release} · Settings {settings}", "发布 {number} · 版本 {release} · 设置 {settings}"
    ),
    Note.POINT_RELEASE: Phrase("Release {number} · {what}", "版本 {number} · {what}"),
    Note.POINT_SETTINGS: Phrase("Settings {number}", "设置 {number}"),
    Note.POINT_SETTINGS_BY: Phrase("Settings {number} · {who}", "设置 {number} · {who}"),
    # --- what people wished
    Note.ASKED_FOR: Phrase(
        "Rollout {number} of {app}: Release {release} with Settings {settings} ({trigger}).",
        "{app} 的发布 {number}：版本 {release}，设置 {settings}（{trigger}）。",
    ),
    Note.TAKEN_OVER: Phrase(
        "Rollout {number} of {app}: Rollout {by} took over.",
        "{app} 的发布 {number}：发布 {by} 已接替它。",
    ),
    Note.TRIGGER_PUSH: Phrase("push", "推送"),
    Note.TRIGGER_DEPLOY: Phrase("deploy", "部署"),
    Note.TRIGGER_ROLLBACK: Phrase("rollback", "回滚"),
    Note.TRIGGER_SETTINGS: Phrase("settings", "修改设置"),
    Note.TRIGGER_RESTART: Phrase("restart", "重启"),
    Note.TRIGGER_AUTO_ROLLBACK: Phrase("auto-rollback", "自动回滚"),
    Note.TRIGGER_DELETE: Phrase("delete", "删除"),
    Note.PUSHED: Phrase(
        "{commit} was {how} {where} as Release {number}: {title}",
        "{commit} {how}{where}，成为版本 {number}：{title}",
    ),
    Note.PUSHED_IGNORED: Phrase(
        "{commit} was {how} {where} as Release {number}: {title}. Not deployed: {why}",
        "{commit} {how}{where}，成为版本 {number}：{title}。没有部署：{why}",
    ),
    Note.PUSHED_PLAIN: Phrase("pushed", "已推送"),
    Note.PUSHED_BY_FORCE: Phrase("pushed by force", "已强制推送"),
    Note.TO_BRANCH: Phrase("to {branch}", "到 {branch}"),
    Note.AS_TAG: Phrase("as tag {tag}", "（标签 {tag}）"),
    Note.RELEASE_MADE: Phrase(
        "Release {number} was made from commit {commit}{where} by {who}: {title}",
        "{who} 用提交 {commit}{where} 创建了版本 {number}：{title}",
    ),
    Note.OF_BRANCH: Phrase(" of {branch}", "（{branch}）"),
    Note.RELEASE_TRIED_AGAIN: Phrase(
        "Release {number} of {app} is tried again.",
        "重新尝试 {app} 的版本 {number}。",
    ),
    Note.RELEASE_GOES_ON: Phrase(
        "Release {number} of {app} is still on its way, and deployed when it is ready.",
        "{app} 的版本 {number} 还在进行中，就绪后会部署。",
    ),
    Note.SETTINGS_CHANGED: Phrase(
        "Settings {revision} of {app}: {what}.",
        "{app} 的设置 {revision}：{what}。",
    ),
    Note.REPLICAS_AS_FILE: Phrase("{component} as app.yaml says", "{component} 按 app.yaml 的副本数"),
    Note.REPLICAS_OF: Phrase("{n} replicas of {component}", "{component} {n} 个副本"),
    Note.ENV_EMPTIED: Phrase("{name} emptied", "清空 {name}"),
    Note.ENV_FILLED: Phrase("{name} filled in", "填写 {name}"),
    Note.CONFIG_REMOVED: Phrase("config map {name} removed", "删除配置 {name}"),
    Note.CONFIG_SET: Phrase("config map {name} ({keys})", "设置配置 {name}（{keys}）"),
    Note.SECRET_WAS_SET: Phrase("secret {name}", "密钥 {name}"),
    Note.SECRET_WAS_UNSET: Phrase("secret {name} removed", "删除密钥 {name}"),
    Note.NO_CHANGE: Phrase("nothing", "没有变化"),
    Note.APP_MADE: Phrase("App {name} was made in {line}.", "在 {line} 创建了应用 {name}。"),
    Note.APP_CHANGED: Phrase("App {name}: {what} changed.", "应用 {name}：修改了 {what}。"),
    Note.APP_GOING: Phrase("App {name} is being deleted.", "正在删除应用 {name}。"),
    Note.APP_GONE: Phrase("App {name} is gone.", "应用 {name} 已删除。"),
    Note.SECRET_SET: Phrase(
        "Secret {name} was set, version {version}: {keys}.",
        "设置了密钥 {name}，版本 {version}：{keys}。",
    ),
    Note.SECRET_REMOVED: Phrase("Secret {name} was removed.", "删除了密钥 {name}。"),
    Note.SECRET_GENERATED: Phrase("Secret {name} was generated.", "生成了密钥 {name}。"),
    Note.SECRET_GENERATED_ANEW: Phrase("Secret {name} was generated anew.", "重新生成了密钥 {name}。"),
    Note.SHELL_RUNS: Phrase("{who} runs a command in {pod}.", "{who} 在 {pod} 里执行命令。"),
    Note.PUSH_REFUSED: Phrase("A push to {app} was refused: {why}.", "对 {app} 的推送被拒绝：{why}。"),
    Note.LINE_MADE: Phrase(
        "Product line {name} was made on cluster {cluster}.",
        "在集群 {cluster} 上创建了产品线 {name}。",
    ),
    Note.LINE_CHANGED: Phrase("Product line {name}: {what} changed.", "产品线 {name}：修改了 {what}。"),
    Note.LINE_GOING: Phrase("Product line {name} is being deleted.", "正在删除产品线 {name}。"),
    Note.LINE_GONE: Phrase("Product line {name} is gone.", "产品线 {name} 已删除。"),
    Note.MEMBER_IS: Phrase("{person} is {role} of product line {line}.", "{person} 成为产品线 {line} 的{role}。"),
    Note.MEMBER_NOT: Phrase(
        "{person} is no longer a member of product line {line}.",
        "{person} 不再是产品线 {line} 的成员。",
    ),
    Note.ROLE_OWNER: Phrase("owner", "负责人"),
    Note.ROLE_RELEASE_MANAGER: Phrase("release_manager", "发布经理"),
    Note.ROLE_DEVELOPER: Phrase("developer", "开发者"),
    Note.ROLE_VIEWER: Phrase("viewer", "观察者"),
    Note.CLUSTER_ADDED: Phrase("Cluster {name} was added.", "添加了集群 {name}。"),
    Note.CLUSTER_CHANGED: Phrase("Cluster {name}: {what} changed.", "集群 {name}：修改了 {what}。"),
    Note.CLUSTER_GOING: Phrase("Cluster {name} is taken out.", "正在移除集群 {name}。"),
    Note.CLUSTER_GONE: Phrase("Cluster {name} is gone.", "集群 {name} 已移除。"),
    Note.POOL_ADDED: Phrase(
        "Node pool {name} of cluster {cluster} was added.", "添加了集群 {cluster} 的节点池 {name}。"
    ),
    Note.POOL_CHANGED: Phrase(
        "Node pool {name} of cluster {cluster} was changed.",
        "修改了集群 {cluster} 的节点池 {name}。",
    ),
    Note.POOL_GONE: Phrase(
        "Node pool {name} of cluster {cluster} was taken out.",
        "移除了集群 {cluster} 的节点池 {name}。",
    ),
    Note.TOKEN_MADE: Phrase(
        "{who} made the token {name} ({scope}, {days} days).",
        "{who} 创建了令牌 {name}（{scope}，{days} 天）。",
    ),
    Note.TOKEN_REVOKED: Phrase("The token {name} of {person} was revoked.", "{person} 的令牌 {name} 已吊销。"),
    Note.SESSION_ENDED: Phrase("{who} ended a session of their own.", "{who} 结束了自己的一个会话。"),
    Note.PERSON_ADDED: Phrase("{name} was added.", "添加了 {name}。"),
    Note.ADMIN_ADDED: Phrase("{name} was added as an admin.", "添加了管理员 {name}。"),
    Note.PERSON_CHANGED: Phrase("{name}: {what} changed.", "{name}：修改了 {what}。"),
    Note.PASSWORD_NEW: Phrase("{name} has a new password.", "{name} 有了新密码。"),
    Note.SIGNED_IN: Phrase("{name} signed in.", "{name} 已登录。"),
    Note.SIGN_IN_REFUSED: Phrase("Sign-in of {name} was refused.", "{name} 登录被拒绝。"),
}  # fmt: skip
