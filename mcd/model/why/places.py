"""What is said of a pod that has no place, no right or no disk, and of what stands around it: nodes, rules, storage,
network, scaling and runs.

A table, as `pods.py` is one.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.model.outcomes import Reason
from mcd.model.why.keys import Family, Why
from mcd.model.why.said import Phrase, Words

_CHANGE = Phrase(
    "Change components.{component}.resources (cpu, memory, gpu) or node_pool, or free a node.",
    "请调整 components.{component} 的 resources（cpu、memory、gpu）或 node_pool，或腾出节点。",
)


def _place(step: Phrase = _CHANGE, patch: str = "") -> Words:
    return Words(
        Family.PLACING,
        Reason.UNSCHEDULABLE,
        Phrase("no node takes the pod: {what}", "没有节点能接收这个 pod：{what}"),
        step,
        patch,
    )


_ASK_OWNER = Phrase("Ask the cluster's owner about these nodes.", "请向集群管理员询问这些节点的情况。")

PLACING: Mapping[Why, Words] = {
    Why.NO_SUCH_NODE: _place(Phrase(
        "Choose a model (components.{component}.resources.gpu) or node_pool that is there: `mcd node-pool list`.",
        "请选择集群里有的型号（components.{component}.resources.gpu）或 node_pool：`mcd node-pool list`。",
    ), "components:\n  {component}:\n    node_pool: POOL"),
    Why.DEVICES_BUSY: _place(Phrase(
        "Wait until one is free, ask for fewer (components.{component}.resources.gpu), or choose another model.",
        "请等待设备空出，或少申请一些（components.{component}.resources.gpu），或换一个型号。",
    )),
    Why.NEVER_FITS: _place(Phrase(
        "Waiting is of no use: ask for fewer pods (components.{component}.replicas, `mcd scale`) or fewer devices for "
        "each (components.{component}.resources.gpu), or ask the cluster's owner for more nodes of the model.",
        "等待没有用：请减少 pod 数（components.{component}.replicas，`mcd scale`），或减少每个 pod 的设备数"
        "（components.{component}.resources.gpu），或请集群管理员增加这个型号的节点。",
    )),
    Why.HELD_BY_ITSELF: _place(Phrase(
        "The old pod goes only when the new one is ready, and that waits for the old one's devices. Stop the old one "
        "first: `mcd scale {app} {component}=0`, then scale it up again; or write rollout.strategy: recreate.",
        "旧 pod 要等新 pod 就绪才停止，而新 pod 在等旧 pod 占用的设备。"
        "请先停掉旧 pod：`mcd scale {app} {component}=0`，再恢复副本数；或写 rollout.strategy: recreate。",
    ), "components:\n  {component}:\n    rollout: {{strategy: recreate}}"),
    Why.TOO_BIG: _place(patch="components:\n  {component}:\n    resources: {{cpu: CPU, memory: MEMORY}}"),
    Why.NODES_NOT_READY: _place(_ASK_OWNER),
    Why.NODE_TAINT: _place(Phrase(
        "Choose the node_pool that these nodes belong to, or another one; `mcd node-pool list` shows them.",
        "请选择这些节点所属的 node_pool 或其他节点池；`mcd node-pool list` 可以查看。",
    ), "components:\n  {component}:\n    node_pool: POOL"),
    Why.NODES_DIFFER: _place(),
    Why.NODES_FULL: _place(),
    Why.POD_LIMIT: _place(Phrase(
        "Scale something down, or ask the cluster's owner for more nodes.", "请缩减一些实例，或请集群管理员增加节点。",
    )),
    Why.SPREAD: _place(Phrase(
        "Ask for fewer replicas, or for more nodes of the pool.", "请减少副本数，或为节点池增加节点。",
    )),
    Why.SCHEDULER_WAITS: _place(Phrase("", "")),
    Why.VOLUME_ELSEWHERE: _place(Phrase(
        "The volume is bound to other nodes: ask the cluster's owner, or make a new permdir.",
        "存储卷绑定在别的节点上：请咨询集群管理员，或新建 permdir。",
    )),
    Why.EVICTED: Words(
        Family.PLACING, Reason.PROGRESSING,
        Phrase("a pod was taken from its node: {said}.", "一个 pod 被驱逐出节点：{said}。"),
        Phrase("A new pod is made by itself. If it comes back: write components.{component}.resources as it really "
               "needs.",
               "系统会自动新建 pod。如果反复出现，请按实际需要填写 components.{component}.resources。"),
    ),
    Why.PREEMPTED: Words(
        Family.PLACING, Reason.PROGRESSING,
        Phrase("a pod was taken from its node for a more important one: {said}.",
               "一个 pod 被更高优先级的 pod 抢占：{said}。"),
        Phrase("It waits for room by itself; choose another node_pool if it takes too long.",
               "它会自动等待空位；如果太久，请换一个 node_pool。"),
    ),
}  # fmt: skip


def _rule(reason: Reason, en: str, zh: str, step_en: str, step_zh: str) -> Words:
    return Words(Family.RULES, reason, Phrase(en, zh), Phrase(step_en, step_zh))


RULES: Mapping[Why, Words] = {
    Why.QUOTA: _rule(
        Reason.QUOTA_EXCEEDED,
        "the quota of the product line is used up: {quota}.", "产品线的配额已用完：{quota}。",
        "Free something, or ask its owners for more.", "请释放一些资源，或向产品线负责人申请更多配额。",
    ),
    Why.LIMIT_RANGE: _rule(
        Reason.REFUSED_BY_CLUSTER,
        "the cluster refuses the pods: the limits of the product line do not allow it: {said}.",
        "集群拒绝创建 pod：不符合产品线的单容器限制：{said}。",
        "Write components.{component}.resources within these limits.",
        "请把 components.{component}.resources 调到限制之内。",
    ),
    Why.POD_SECURITY: _rule(
        Reason.REFUSED_BY_CLUSTER,
        "the cluster refuses the pods: {said}.", "集群拒绝创建 pod（Pod Security）：{said}。",
        "Take away what it names, or ask for a product line of a weaker security level.",
        "请去掉它指出的设置，或申请安全级别较低的产品线。",
    ),
    Why.ADMISSION_REFUSED: _rule(
        Reason.REFUSED_BY_CLUSTER,
        'the cluster refuses the pods: the rule "{webhook}" says: {said}.',
        '集群拒绝创建 pod：规则 "{webhook}" 说：{said}。',
        "Do what it says, or ask the cluster's owner about this rule.", "请按它说的修改，或向集群管理员询问这条规则。",
    ),
    Why.ADMISSION_UNREACHABLE: _rule(
        Reason.REFUSED_BY_CLUSTER,
        'the cluster refuses the pods: its rule "{webhook}" does not answer: {said}.',
        '集群拒绝创建 pod：规则 "{webhook}" 没有响应：{said}。',
        "Tell the cluster's owner: this webhook is down.", "请告诉集群管理员：这个 webhook 没有在运行。",
    ),
    Why.CLUSTER_REFUSED: _rule(
        Reason.REFUSED_BY_CLUSTER,
        "the cluster refuses the pods: {said}.", "集群拒绝创建 pod：{said}。",
        "The words are the cluster's own; mend what they name.", "以上是集群的原话，请修正它指出的问题。",
    ),
    Why.RIGHT_MISSING: _rule(
        Reason.FORBIDDEN,
        "{what}", "{what}",
        "Ask an admin to give MCD the right that it names.", "请管理员授予 MCD 上面写的权限。",
    ),
}  # fmt: skip


def _volume(en: str, zh: str, step_en: str, step_zh: str) -> Words:
    return Words(Family.STORAGE, Reason.VOLUME_PENDING, Phrase(en, zh), Phrase(step_en, step_zh))


STORAGE: Mapping[Why, Words] = {
    Why.CLASS_MISSING: _volume(
        'the volume {name} is not made: the cluster has no storage class "{cls}".',
        '存储卷 {name} 没有创建：集群没有存储类 "{cls}"。',
        "Choose one that the cluster has: `mcd cluster show CLUSTER`.",
        "请选择集群有的存储类：`mcd cluster show CLUSTER`。",
    ),
    Why.CLAIM_MISSING: _volume(
        'the pod waits for its volume: there is no claim "{name}".', 'pod 在等待存储卷：没有名为 "{name}" 的存储声明。',
        "Deploy again, which makes it: `mcd deploy {app}`.", "请重新部署，系统会创建它：`mcd deploy {app}`。",
    ),
    Why.CLAIM_PENDING: _volume(
        "the pod waits for its volume: {said}.", "pod 在等待存储卷：{said}。",
        "If it lasts: ask the cluster's owner whether its storage works.",
        "如果一直这样，请集群管理员检查存储是否正常。",
    ),
    Why.VOLUME_NOT_MADE: _volume(
        "the volume {name} is not made: {said}.", "存储卷 {name} 没有创建：{said}。",
        "Write permdir as the storage class can make it, or ask the cluster's owner.",
        "请按存储类支持的方式书写 permdir，或咨询集群管理员。",
    ),
    Why.ATTACHED_ELSEWHERE: _volume(
        "the volume {name} is still attached to another node: {said}.", "存储卷 {name} 还挂在另一个节点上：{said}。",
        "It goes on when the old pod is gone. A single writer needs rollout.strategy recreate.",
        "旧 pod 消失后会自动继续。只允许单写的存储卷请用 rollout.strategy: recreate。",
    ),
    Why.VOLUME_FULL: Words(
        Family.STORAGE, Reason.CRASH_LOOPING,
        Phrase("{who}the program ends with exit {code} because a disk is full{again}.",
               "{who}磁盘已满，程序以退出码 {code} 结束{again}。"),
        Phrase("Free room in the volume, or raise permdir.size (scratch: its size).",
               "请清理存储卷，或调大 permdir.size（scratch 则调大它的大小）。"),
        "permdir:\n  size: SIZE",
    ),
    Why.MOUNT_FAILED: _volume(
        "a volume cannot be mounted: {said}.", "存储卷挂载失败：{said}。",
        "It is tried again by itself. If it lasts: ask the cluster's owner about the node {node}.",
        "系统会自动重试。如果一直失败，请集群管理员检查节点 {node}。",
    ),
}  # fmt: skip

NETWORK: Mapping[Why, Words] = {
    Why.SERVICE_WITHOUT_ENDPOINTS: Words(
        Family.NETWORK, Reason.NO_ENDPOINTS,
        Phrase("{ready} of {desired} ready, but Service {name} leads to none of them: {what}.",
               "{ready}/{desired} 已就绪，但 Service {name} 没有指向任何一个 pod：{what}。"),
        Phrase("Somebody changed it by hand; put it back: `mcd deploy {app}`.",
               "有人手工改过它；请恢复：`mcd deploy {app}`。"),
    ),
    Why.ROUTE_NOT_ACCEPTED: Words(
        Family.NETWORK, Reason.REFUSED_BY_CLUSTER,
        Phrase("the gateway does not take HTTPRoute/{name} ({kind}): {said}.",
               "网关不接受 HTTPRoute/{name}（{kind}）：{said}。"),
        Phrase("Check components.{component}.domains and path; or ask the owner of the gateway.",
               "请检查 components.{component} 的 domains 和 path；或咨询网关管理员。"),
    ),
    Why.ROUTE_WAITS: Words(
        Family.NETWORK, Reason.PROGRESSING,
        Phrase("{ready} of {desired} ready. No gateway has taken HTTPRoute/{name} yet.",
               "{ready}/{desired} 已就绪。还没有网关接受 HTTPRoute/{name}。"),
        Phrase("If it lasts: ask the cluster's owner whether its gateway runs.",
               "如果一直这样，请集群管理员检查网关是否在运行。"),
    ),
    Why.CERTIFICATE_NOT_READY: Words(
        Family.NETWORK, Reason.READY,
        Phrase("The certificate of {hosts} is not issued: {what}.", "{hosts} 的证书还没有签发：{what}。"),
        Phrase("The name must point to the gateway before a certificate is issued; ask the cluster's owner.",
               "签发证书前域名必须指向网关；请咨询集群管理员。"),
    ),
    Why.LISTENER_NOT_ACCEPTED: Words(
        Family.NETWORK, Reason.READY,
        Phrase("HTTPS of {hosts} is not served: {what}.", "{hosts} 的 HTTPS 没有生效：{what}。"),
        Phrase("Ask the cluster's owner whether its gateway allows this host.", "请向集群管理员确认网关允许这个域名。"),
    ),
}  # fmt: skip


def _scaler(why_en: str, why_zh: str, step_en: str, step_zh: str) -> Words:
    return Words(Family.RUNS, Reason.READY, Phrase(why_en, why_zh), Phrase(step_en, step_zh))


RUNS: Mapping[Why, Words] = {
    Why.NO_METRICS: _scaler(
        "It does not scale: the cluster has no measurements of its pods.",
        "它不会自动扩缩容：集群没有它的 pod 的度量数据。",
        "Ask its owner for metrics-server.", "请集群管理员安装 metrics-server。",
    ),
    Why.AT_MAXIMUM: _scaler(
        "It wants more pods than its maximum of {max}.", "它需要的 pod 数超过了上限 {max}。",
        "Raise components.{component}.autoscale.max, if the product line has room.",
        "如果产品线有余量，请调大 components.{component}.autoscale.max。",
    ),
    Why.SCALER_FAILS: _scaler(
        "It does not scale{what}.", "它不会自动扩缩容{what}。",
        "", "",
    ),
    Why.JOB_FAILED: Words(
        Family.RUNS, Reason.CRASH_LOOPING,
        Phrase("the run failed after {tries} {tries:try|tries}: {what}", "运行失败，共尝试 {tries} 次：{what}"),
        Phrase("Mend the program and run it again; its log says how it ended.",
               "请修好程序后重新运行；它的日志里有结束的原因。"),
    ),
    Why.JOB_DEADLINE: Words(
        Family.RUNS, Reason.DEADLINE_EXCEEDED,
        Phrase("the run was stopped after {seconds} s: it may not take longer ({tries} {tries:try|tries}).",
               "运行超过 {seconds} 秒的时限被停止（尝试 {tries} 次）。"),
        Phrase("Make it faster, or raise components.{component}.timeout.",
               "请让它更快结束，或调大 components.{component}.timeout。"),
        "components:\n  {component}:\n    timeout: 1h",
    ),
    Why.CRON_SUSPENDED: Words(
        Family.RUNS, Reason.READY,
        Phrase("its schedule is suspended.", "定时任务已暂停。"),
        Phrase("Take suspend away in app.yaml and push.", "请在 app.yaml 里去掉 suspend 后推送。"),
        "components:\n  {component}:\n    suspend: false",
    ),
    Why.ROLLOUT_DEADLINE: Words(
        Family.RUNS, Reason.DEADLINE_EXCEEDED,
        Phrase("not ready in {seconds} s: {what}", "{seconds} 秒内没有就绪：{what}"),
        # Not "go back" too: MCD does that by itself.
        Phrase("Read `mcd logs {app}`; mend it and push.", "请看 `mcd logs {app}`；修好后推送。"),
    ),
}  # fmt: skip
