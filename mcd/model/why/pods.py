"""What is said of a pod whose containers do not run: images, configuration, start and crash, probes.

A table. The English sentences are part of what people search for: change one, and its page changes with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.model.outcomes import Reason
from mcd.model.why.keys import Family, Why
from mcd.model.why.said import Phrase, Words


def _image(en: str, zh: str, step_en: str, step_zh: str, patch: str = "") -> Words:
    return Words(
        Family.IMAGE,
        Reason.IMAGE_PULL,
        Phrase(
            f"{{who}}the image {{image}} cannot be pulled ({{kind}}): {en}.",
            f"{{who}}镜像 {{image}} 拉取失败（{{kind}}）：{zh}。",
        ),
        Phrase(step_en, step_zh),
        patch,
    )


_NAME_IT = "components:\n  {component}:\n    image: NAME:TAG"

IMAGE: Mapping[Why, Words] = {
    Why.IMAGE_NOT_FOUND: _image(
        "the registry does not have it", "镜像仓库里没有它",
        "Check the name and that the registry has it.", "请检查镜像名，并确认镜像仓库里有它。", _NAME_IT,
    ),
    Why.IMAGE_REFUSED: _image(
        "the registry refuses it to this cluster", "镜像仓库拒绝本集群拉取",
        "Check the name; or ask the registry's owner to let this cluster pull it.",
        "请检查镜像名；或请镜像仓库的管理员允许本集群拉取。", _NAME_IT,
    ),
    Why.REGISTRY_UNREACHABLE: _image(
        "the registry cannot be reached from the node", "节点连不上镜像仓库",
        "Check the registry's name and port in image:; ask the cluster's owner whether the node reaches it.",
        "请检查 image: 里的仓库地址和端口；并请集群管理员确认节点能访问它。", _NAME_IT,
    ),
    Why.IMAGE_ARCHITECTURE: _image(
        "it is not built for the node's processor", "它不是为该节点的处理器构建的",
        "Build it for the node's processor, or choose a node_pool that fits.",
        "请为该节点的处理器架构重新构建镜像，或选择匹配的 node_pool。",
    ),
    Why.NODE_DISK_FULL: _image(
        "the node's disk is full", "节点磁盘已满",
        "Ask the cluster's owner to free the disk of node {node}.", "请集群管理员清理节点 {node} 的磁盘。",
    ),
    Why.IMAGE_NAME: _image(
        "that is no image name", "这不是合法的镜像名",
        "Correct image: in app.yaml; names are lower case.",
        "请更正 app.yaml 里的 image:；镜像名只能用小写。", _NAME_IT,
    ),
    Why.IMAGE_NEVER: _image(
        "the node does not have it and may not pull it", "节点上没有它，又不允许拉取",
        "Let the node pull it, or have its owner load it there.", "请允许该节点拉取，或请节点管理员预先导入镜像。",
    ),
    Why.IMAGE_SLOW: Words(
        Family.IMAGE, Reason.PROGRESSING,
        Phrase("{who}the image {image} is being pulled on node {node} since {since}.",
               "{who}节点 {node} 正在拉取镜像 {image}，从 {since} 开始。"),
        Phrase("Wait; a large image takes minutes. If it never ends, the registry does not send it.",
               "请等待，大镜像需要几分钟；如果一直不结束，说明镜像仓库没有在传输。"),
    ),
    Why.BUILD_FAILED: Words(
        Family.IMAGE, Reason.BUILD_FAILED,
        Phrase("the image could not be built: {said}", "镜像构建失败：{said}"),
        Phrase("Read `mcd logs --build {app}`, mend it and push; or try the same commit: `mcd deploy {app}`.",
               "请看 `mcd logs --build {app}`，修好后重新推送；或用同一提交重试：`mcd deploy {app}`。"),
    ),
    Why.IMAGE_MISSING: Words(
        Family.IMAGE, Reason.IMAGE_MISSING,
        Phrase("an image that app.yaml names is not in the registry: {said}",
               "app.yaml 写的镜像不在镜像仓库里：{said}"),
        Phrase("Push the image and `mcd deploy {app}`; or correct image: in app.yaml and push.",
               "请推送该镜像后执行 `mcd deploy {app}`；或更正 app.yaml 里的 image: 后重新推送。"),
    ),
    Why.BUILD_UNAVAILABLE: Words(
        Family.IMAGE, Reason.BUILD_UNAVAILABLE,
        Phrase("the image cannot be built here: {said}", "这里无法构建镜像：{said}"),
        Phrase("Use `image:` in app.yaml, or ask an admin to set MCD_BUILDER and MCD_REGISTRY.",
               "请在 app.yaml 里使用 `image:`，或请管理员设置 MCD_BUILDER 和 MCD_REGISTRY。"),
    ),
}  # fmt: skip


def _config(en: str, zh: str, step_en: str, step_zh: str, patch: str = "") -> Words:
    return Words(
        Family.CONFIGURATION,
        Reason.CONFIG_MISSING,
        Phrase(f"{{who}}{en}.", f"{{who}}{zh}。"),
        Phrase(step_en, step_zh),
        patch,
    )


def _command(en: str, zh: str, step_en: str, step_zh: str) -> Words:
    return Words(
        Family.CONFIGURATION,
        Reason.CRASH_LOOPING,
        Phrase(f"{{who}}the program cannot be started: {en}.", f"{{who}}程序无法启动：{zh}。"),
        Phrase(step_en, step_zh),
        "components:\n  {component}:\n    command: PROGRAM",
    )


CONFIGURATION: Mapping[Why, Words] = {
    Why.SECRET_MISSING: _config(
        'a container cannot be made: Secret "{name}" does not exist', '无法创建容器：Secret "{name}" 不存在',
        "Set it: `mcd secret set {app} NAME KEY=VALUE`.", "请设置它：`mcd secret set {app} NAME KEY=VALUE`。",
    ),
    Why.SECRET_KEY_MISSING: _config(
        'a container cannot be made: Secret "{name}" has no key "{key}"',
        '无法创建容器：Secret "{name}" 里没有键 "{key}"',
        "Set it: `mcd secret set {app} NAME {key}=VALUE`.", "请设置它：`mcd secret set {app} NAME {key}=VALUE`。",
    ),
    Why.CONFIGMAP_MISSING: _config(
        'a container cannot be made: ConfigMap "{name}" does not exist', '无法创建容器：ConfigMap "{name}" 不存在',
        "Write it in app.yaml or set it: `mcd settings set {app}`.",
        "请在 app.yaml 里写上它，或设置它：`mcd settings set {app}`。",
    ),
    Why.CONFIGMAP_KEY_MISSING: _config(
        'a container cannot be made: ConfigMap "{name}" has no key "{key}"',
        '无法创建容器：ConfigMap "{name}" 里没有键 "{key}"',
        "Add the key to the config map, or take it out of app.yaml.",
        "请给该配置加上这个键，或从 app.yaml 里去掉对它的引用。",
    ),
    Why.MOUNT_BAD: _config(
        "a mount cannot be made: {said}", "挂载有误：{said}",
        "Check the path and what is mounted there in app.yaml: a file cannot be mounted onto a folder.",
        "请检查 app.yaml 里的挂载路径和内容：文件不能挂到目录上，反之亦然。",
    ),
    Why.COMMAND_MISSING: _command(
        "the command {command} does not exist in the image", "镜像里没有命令 {command}",
        "Check {where}.command and the image.", "请检查 {where}.command 和镜像。",
    ),
    Why.COMMAND_NOT_EXECUTABLE: _command(
        "the command {command} is not executable", "命令 {command} 没有执行权限",
        "Make the file executable in the image (chmod +x), or correct {where}.command.",
        "请在镜像里给它加上执行权限（chmod +x），或更正 {where}.command。",
    ),
    Why.COMMAND_ARCHITECTURE: _command(
        "the program is not built for the node's processor, or a script without a first line",
        "程序不是为该节点的处理器构建的，或脚本缺少首行解释器",
        "Build it for the node's processor; give a script its #! line.",
        "请为该节点的架构重新构建；脚本请加上 #! 首行。",
    ),
    Why.COMMAND_OTHER: _command(
        "{said}", "{said}", "Check {where}.command and the image.", "请检查 {where}.command 和镜像。"
    ),
    Why.READ_ONLY_FILES: Words(
        Family.CONFIGURATION, Reason.CRASH_LOOPING,
        Phrase("{who}the program writes to a file system that is read-only and ends with exit {code}{again}.",
               "{who}程序写了只读的文件系统，以退出码 {code} 结束{again}。"),
        Phrase("Write to /tmp, give the folder as {where}.scratch or permdir, or take read_only away.",
               "请改写到 /tmp；或用 {where}.scratch、permdir 提供该目录；或去掉 read_only。"),
        "components:\n  {component}:\n    scratch: {{/PATH: 1Gi}}",
    ),
    Why.RUNS_AS_ROOT: _config(
        "a container cannot be made: the image wants to run as root", "无法创建容器：镜像要以 root 身份运行",
        "Give the image a numeric USER, or set {where}.user.", "请在镜像里设置数字的 USER，或设置 {where}.user。",
        "components:\n  {component}:\n    user: 10001",
    ),
    Why.CONFIG_OTHER: _config(
        "a container cannot be made: {said}", "无法创建容器：{said}",
        "The words are the cluster's own; mend what they name.", "以上是集群的原话，请修正它指出的问题。",
    ),
}  # fmt: skip


# Not "go back" too: MCD does that by itself, and whoever types it then goes one version further.
_READ_LOG = Phrase("Mend the program and push.", "请修好程序后重新推送。")


def _crash(en: str, zh: str) -> Words:
    return Words(Family.START, Reason.CRASH_LOOPING, Phrase(en, zh), _READ_LOG)


START: Mapping[Why, Words] = {
    Why.ENDS_WITH_SUCCESS: Words(
        Family.START, Reason.CRASH_LOOPING,
        Phrase("{who}the program ends at once with success (exit 0){again}.",
               "{who}程序一启动就正常结束（退出码 0）{again}。"),
        Phrase("A program that ends by itself is `type: job`; this one must keep running in the foreground.",
               "会自己结束的程序应写 `type: job`；这里的程序必须一直在前台运行。"),
        "components:\n  {component}:\n    type: job",
    ),
    Why.ENDS_WITH_CODE: _crash(
        "{who}the program ends with exit {code}{again}.",
        "{who}程序以退出码 {code} 结束{again}。",
    ),
    Why.CRASH_LOOP: _crash(
        "{who}the program ends with exit {code}{again}{next}.",
        "{who}程序反复崩溃，退出码 {code}{again}{next}。",
    ),
    Why.OUT_OF_MEMORY: Words(
        Family.START, Reason.OOM_KILLED,
        Phrase("{who}the program was killed because it needs more memory than it may have (OOMKilled{at}, exit "
               "{code}{again}).",
               "{who}程序内存超过上限被杀死（OOMKilled{at}，退出码 {code}{again}）。"),
        Phrase("Raise {where}.resources.memory, or use less.", "请调大 {where}.resources.memory，或减少内存使用。"),
        "components:\n  {component}:\n    resources: {{memory: {more}}}",
    ),
    Why.KILLED_BY_LIVENESS: Words(
        Family.START, Reason.PROBE_FAILING,
        Phrase("{who}the program is killed again and again because it does not answer its liveness check (exit "
               "{code}{again}).",
               "{who}程序没有响应存活检查，被反复杀死（退出码 {code}{again}）。"),
        Phrase("Check {where}.health: path, port and how long it may take.",
               "请检查 {where}.health：路径、端口和允许的时间。"),
        "components:\n  {component}:\n    health: {{liveness: {{http: /PATH, timeout: 5s}}}}",
    ),
    Why.SIDECAR_FAILS: _crash(
        "container {name}: the program {how}{again}{next}.",
        "容器 {name}：程序{how}{again}{next}。",
    ),
}  # fmt: skip


def _probe(en: str, zh: str, step_en: str, step_zh: str, health: str = "") -> Words:
    """`health` is what to change there; without it nobody but the program knows what is right."""
    return Words(
        Family.PROBES, Reason.PROBE_FAILING,
        Phrase(f"the program runs, but its {{which}} check{{asked}} got: {en}.",
               f"程序在运行，但{{which}}检查{{asked}}的结果是：{zh}。"),
        Phrase(step_en, step_zh),
        f"components:\n  {{component}}:\n    health: {health}" if health else "",
    )  # fmt: skip


PROBES: Mapping[Why, Words] = {
    Why.NOTHING_LISTENS: _probe(
        "nothing listens on the port (or only on 127.0.0.1)", "端口上没有程序监听（或只监听 127.0.0.1）",
        "Listen on 0.0.0.0 and {port}, or write the port that it listens on as components.{component}.port.",
        "请让程序监听 0.0.0.0 和{port}，或把它实际监听的端口写进 components.{component}.port。",
    ),
    Why.HTTP_CODE: _probe(
        "HTTP {code}", "HTTP {code}",
        "Check components.{component}.health and the port.", "请检查 components.{component}.health 和端口。", "/PATH",
    ),
    Why.PROBE_TIMEOUT: _probe(
        "no answer in time", "没有及时响应",
        "Answer sooner, or give components.{component}.health a longer timeout.",
        "请让程序更快响应，或调大 components.{component}.health 的 timeout。",
        "{{readiness: {{http: /PATH, timeout: 5s}}}}",
    ),
    Why.PROBE_OTHER: _probe(
        "{said}", "{said}",
        "Check components.{component}.health and the port.", "请检查 components.{component}.health 和端口。",
    ),
    Why.STARTUP_TIMEOUT: Words(
        Family.PROBES, Reason.PROBE_FAILING,
        Phrase("the program was not up in the time that its startup check allows{asked} and was started again{again}: "
               "{what}.",
               "程序没有在启动检查允许的时间内就绪{asked}，被重新启动{again}：{what}。"),
        Phrase("Give components.{component}.health.startup more failures, or start faster.",
               "请调大 components.{component}.health.startup 的 failure_threshold，或加快启动。"),
        "components:\n  {component}:\n    health: {{startup: {{http: /PATH, failure_threshold: 120}}}}",
    ),
}  # fmt: skip
