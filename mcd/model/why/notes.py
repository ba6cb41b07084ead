"""The parts that sentences are made of, and the sentences that stand beside another one.

A table: `{name}` is a parameter, `{n:one|many}` one of two words.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.model.why.keys import Note
from mcd.model.why.said import Phrase

NOTES: Mapping[Note, Phrase] = {
    Note.TEXT: Phrase("{text}", "{text}"),
    # --- how far it is
    Note.NOT_IN_CLUSTER: Phrase("the {kind} is not in the cluster yet.", "集群里还没有这个 {kind}。"),
    Note.BEING_DELETED: Phrase("the {kind} is being deleted.", "正在删除这个 {kind}。"),
    Note.NOT_LOOKED_AT: Phrase(
        "the cluster has not looked at the newest version yet.", "集群还没有处理最新的版本。"
    ),
    Note.NOT_LOOKED_YET: Phrase("It was not looked at yet.", "还没有查看过它。"),
    Note.BY_SCHEDULE: Phrase("it runs by its schedule.", "它按定时计划运行。"),
    Note.JOB_WAITS: Phrase("it waits for a run.", "它在等待运行。"),
    Note.JOB_DONE: Phrase("it ran to its end.", "它已运行完毕。"),
    Note.JOB_RUNS: Phrase("it runs.", "它正在运行。"),
    Note.COUNT_READY: Phrase("{ready} of {desired} ready.", "{ready}/{desired} 已就绪。"),
    Note.HOW_FAR: Phrase("{ready} of {desired} pods are ready{old}.", "{ready}/{desired} 个 pod 已就绪{old}。"),
    Note.HOW_FAR_NEW: Phrase(
        "{ready} of {desired} new pods are ready{old}.", "{ready}/{desired} 个新 pod 已就绪{old}。"
    ),
    Note.NEW_READY_OLD_STOP: Phrase(
        "the new pods are ready; {old} old {old:pod stops|pods stop}.", "新 pod 已就绪；{old} 个旧 pod 正在停止。"
    ),
    Note.OLD_SERVE: Phrase(
        "{old} old {old:pod goes|pods go} on serving", "{old} 个旧 pod 继续提供服务"
    ),
    Note.MEANWHILE: Phrase("; {what}", "；{what}"),
    Note.ENDED: Phrase("{what}.", "{what}。"),
    Note.OLD_RUN: Phrase("{old} old {old:pod goes|pods go} on running", "{old} 个旧 pod 继续运行"),
    Note.OLD_DRAIN: Phrase(
        "the old pods finish their requests; traffic moves to the new ones ({left} s left).",
        "旧 pod 正在处理完手上的请求，流量转到新 pod（还有 {left} 秒）。",
    ),
    Note.VERSIONS_MIXED: Phrase(
        "the cluster has not shown yet which pods are the new ones.", "集群还没有说明哪些是新 pod。"
    ),
    Note.BEING_STOPPED: Phrase("{n} {n:pod is|pods are} being stopped.", "正在停止 {n} 个 pod。"),
    Note.SCALED_TO_ZERO: Phrase("it is scaled to 0.", "它的副本数是 0。"),
    Note.OVERDUE: Phrase(
        "{n} {n:pod|pods} should have ended by now: see whether the node is away.",
        "{n} 个 pod 早该结束了：请检查节点是否失联。",
    ),
    Note.NOT_READY_IN: Phrase("Not ready in {seconds} s.", "{seconds} 秒内没有就绪。"),
    Note.RUNS_AGAIN: Phrase(
        "It runs again, and is ready when it has lasted {seconds} s.", "它又运行起来了，持续 {seconds} 秒后才算就绪。"
    ),
    # --- whose it is
    Note.OF_ANOTHER: Phrase(
        "of Release {release}, which does not run; Release {runs} does",
        "这是版本 {release} 的情况，它没有在运行；现在运行的是版本 {runs}",
    ),
    Note.OF_ANOTHER_YET: Phrase(
        "of Release {release}, which does not run yet; Release {runs} does",
        "这是版本 {release} 的情况，它还没有运行；现在运行的是版本 {runs}",
    ),
    # --- of containers
    Note.RESTARTS: Phrase(", {n} {n:restart|restarts} so far", "，已重启 {n} 次"),
    Note.NEXT_TRY: Phrase("; the next try comes at {at} UTC", "；下次重试在 {at} UTC"),
    Note.WHO: Phrase("container {name}: ", "容器 {name}："),
    Note.AT_LIMIT: Phrase(" at {limit}", "，上限 {limit}"),
    Note.ENDS_ZERO: Phrase("ends at once with success (exit 0)", "一启动就正常结束（退出码 0）"),
    Note.ENDS_CODE: Phrase("ends with exit {code}", "以退出码 {code} 结束"),
    Note.GOT_NOTHING: Phrase("nothing listens on the port (or only on 127.0.0.1)",
                             "端口上没有程序监听（或只监听 127.0.0.1）"),
    Note.GOT_CODE: Phrase("HTTP {code}", "HTTP {code}"),
    Note.GOT_LATE: Phrase("no answer in time", "没有及时响应"),
    Note.GOT_NO_WORDS: Phrase("no words of it are left", "没有留下说明"),
    Note.OF_IMAGE: Phrase("of the image", "（镜像默认的）"),
    Note.PROBE_STARTUP: Phrase("startup", "启动"),
    Note.PROBE_READINESS: Phrase("readiness", "就绪"),
    Note.PROBE_LIVENESS: Phrase("liveness", "存活"),
    Note.PROBE_HEALTH: Phrase("health", "健康"),
    Note.ASKED: Phrase(" (GET :{port}{path})", "（GET :{port}{path}）"),
    Note.ASKED_PORT: Phrase(" (a connection to :{port})", "（连接 :{port}）"),
    Note.THE_PORT: Phrase("the port", "该端口"),
    Note.PORT_IS: Phrase("port {port}", "端口 {port}"),
    # --- of nodes
    Note.NO_NODE_SEEN: Phrase("the cluster has no node that MCD can see.", "MCD 看不到集群的任何节点。"),
    Note.ONLY_NODE_BARRED: Phrase(
        "the only node may not take the pod: {why}.", "唯一的节点不能接收这个 pod：{why}。"
    ),
    Note.NODES_BARRED: Phrase(
        "none of the {count} nodes may take the pod: {why}.", "{count} 个节点都不能接收这个 pod：{why}。"
    ),
    Note.NEAR_BARRED: Phrase(
        "none of the {count} nodes may take the pod: {near} of them {near:fits|fit} what it asks for, but {why}.",
        "{count} 个节点都不能接收这个 pod：其中 {near} 个符合要求，但{why}。",
    ),
    Note.BARS_DIFFER: Phrase("taints, labels or readiness keep it away", "原因是污点、标签或节点未就绪"),
    Note.LARGEST_HAS: Phrase(
        "it asks for {asked} {resource}; the largest node that may take it has {has}.",
        "它申请 {asked} {resource}；可用的最大节点只有 {has}。",
    ),
    Note.NONE_AT_ALL: Phrase("none", "没有"),
    Note.DEVICES_THERE: Phrase(
        "it asks for {asked} {resource}; there {total:is|are} {total} {model} in {nodes} {nodes:node|nodes}, {rest}.",
        "它申请 {asked} {resource}；{nodes} 个节点上共有 {total} 块 {model}，{rest}。",
    ),
    Note.ALL_TAKEN: Phrase("all taken{taken}", "全部被占用{taken}"),
    Note.SOME_FREE: Phrase(
        "at most {left} free on one of them{taken}", "单个节点最多空闲 {left} 块{taken}"
    ),
    Note.TAKEN_BY: Phrase(": {holders}", "：{holders}"),
    Note.TAKEN_REST: Phrase("; taken: {holders}", "；已占用：{holders}"),
    Note.HELD_BY: Phrase("{count} by {who}", "{who} 占用 {count}"),
    Note.HELD_FREEING: Phrase(
        "{count} by {who} ({freeing} of them about to be free)", "{who} 占用 {count}（其中 {freeing} 即将释放）"
    ),
    Note.HOLDER_OTHERS: Phrase("other product lines", "其他产品线"),
    Note.HOLDER_ITSELF: Phrase("its own old {n:pod|pods}", "它自己的旧 pod"),
    Note.FIT_AT_MOST: Phrase(
        "it asks for {desired} pods of {asked} {resource} each; on the nodes that may take them, which have {total} "
        "{model} in all, there is never room for more than {fit}.",
        "它申请 {desired} 个 pod，每个 {asked} {resource}；可用的节点一共有 {total} 块 {model}，"
        "最多只能放下 {fit} 个。",
    ),
    Note.SIMULATED: Phrase(
        "{n} of its pods {n:is on a simulated node|are on simulated nodes}: nothing runs in {n:it|them}.",
        "它有 {n} 个 pod 在模拟节点上：其中没有真正运行任何程序。",
    ),
    Note.HOLDER_NOT_OURS: Phrase("pods that are not of MCD", "不属于 MCD 的 pod"),
    Note.ONLY_NODE_HAS: Phrase(
        "it asks for {asked} {resource}; the only node that may take it has {left} free.",
        "它申请 {asked} {resource}；唯一可用的节点只剩 {left}。",
    ),
    Note.NONE_FREE: Phrase(
        "it asks for {asked} {resource}; none of the {count} nodes that may take it has any free.",
        "它申请 {asked} {resource}；{count} 个可用节点都没有剩余。",
    ),
    Note.NONE_MORE_THAN: Phrase(
        "it asks for {asked} {resource}; of the {count} nodes that may take it none has more than {left} free.",
        "它申请 {asked} {resource}；{count} 个可用节点里剩余最多的只有 {left}。",
    ),
    Note.NOT_ALL_AT_ONCE_ONE: Phrase(
        "the only node that may take it has all that it asks for free at once{all}.",
        "唯一可用的节点没有同时满足它申请的全部资源{all}。",
    ),
    Note.NOT_ALL_AT_ONCE: Phrase(
        "none of the {count} nodes that may take it has all that it asks for free at once{all}.",
        "{count} 个可用节点里没有一个能同时满足它申请的全部资源{all}。",
    ),
    Note.ALL_OF_IT: Phrase(": {amounts}", "：{amounts}"),
    Note.AMOUNT: Phrase("{number} {resource}", "{number} {resource}"),
    Note.PODS_ALL_USED: Phrase(
        "no node that may take it ({count} there {count:is|are}) has room for one more pod; a node takes {limit}.",
        "可用的 {count} 个节点都放不下更多 pod；每个节点上限 {limit}。",
    ),
    Note.FREE_NOW: Phrase(
        "what it asks for is free now on node {node}{others}; the scheduler tries again by itself.{said}",
        "它申请的资源现在在节点 {node}{others} 上有空闲；调度器会自动重试。{said}",
    ),
    Note.FREE_UNSEEN: Phrase("what is free on the nodes cannot be seen.{said}", "看不到各节点的剩余资源。{said}"),
    Note.SCHEDULER_SAID: Phrase(' The scheduler said: "{said}"', "调度器的原话：“{said}”"),
    Note.SPREAD_WORDS: Phrase(
        "its pods must stand apart from each other, and no node is left for one more.{said}",
        "它的 pod 必须分散在不同节点，已经没有多余的节点了。{said}",
    ),
    Note.NODE_NOT_READY: Phrase("is not ready", "未就绪"),
    Note.NODE_CORDONED: Phrase("is cordoned", "已停止调度"),
    Note.NODE_TAINTED: Phrase("taint {taint} is not tolerated", "污点 {taint} 不被容忍"),
    Note.NODE_LABEL_IS_NOT: Phrase("label {key} is not {value}", "标签 {key} 不是 {value}"),
    Note.NODE_LABEL_IS: Phrase("label {key} is {value}", "标签 {key} 是 {value}"),
    Note.NODE_LABEL_MISSING: Phrase("label {key} is missing", "没有标签 {key}"),
    Note.NODE_LABEL_THERE: Phrase("label {key} is there", "有标签 {key}"),
    Note.NODE_LABEL_OTHER: Phrase("label {key} is not {op} {value}", "标签 {key} 不满足 {op} {value}"),
    Note.NODE_HAS_NO: Phrase("has no {resource}", "没有 {resource}"),
    Note.NODE_TOO_SMALL: Phrase(
        "{resource}: asks {asked}, the node has {has}", "{resource}：申请 {asked}，节点共 {has}"
    ),
    Note.NODE_SHORT: Phrase(
        "{resource}: asks {asked}, {left} of {has} free", "{resource}：申请 {asked}，共 {has}，剩余 {left}"
    ),
    # --- of what stands around
    Note.SCALER_NOT_SEEN: Phrase(
        " yet: no autoscaler of the cluster has looked at it", "：集群的自动扩缩容组件还没有处理它"
    ),
    Note.KEDA_NOT_SEEN: Phrase(
        ": KEDA has not looked at it. Ask the cluster's owner whether it runs",
        "：KEDA 还没有处理它，请集群管理员确认 KEDA 在运行",
    ),
    Note.CERT_MANAGER_NOT_SEEN: Phrase("cert-manager has not looked at it", "cert-manager 还没有处理它"),
    Note.SAID: Phrase(": {said}", "：{said}"),
    Note.GATEWAY_SAYS: Phrase("the gateway says: {said}", "网关说：{said}"),
    Note.NO_GATEWAY: Phrase("no gateway has taken ListenerSet/{name}", "没有网关接受 ListenerSet/{name}"),
    Note.SELECTS_NONE: Phrase(
        "its selector {selector} fits none of its pods", "它的选择器 {selector} 不匹配任何一个 pod"
    ),
    Note.QUOTA_NUMBERS: Phrase(
        "{name}, requested: {requested}, used: {used}, limited: {limited}",
        "{name}，申请 {requested}，已用 {used}，上限 {limited}",
    ),
    Note.NO_SUCH_PORT: Phrase(
        'its port "{port}" is none of the pods\' ports', "它的端口 “{port}” 不在 pod 的端口里"
    ),
}  # fmt: skip
