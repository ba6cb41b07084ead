"""Every operation of the API with a request that is right in form, so that only permission and state decide.

Made for sweeps over the route table; a new route without an entry here makes `test_access` fail.
"""

from __future__ import annotations

from typing import Any

HELLO_TEXT = "appname: hello\ncomponents:\n  web: {type: web, image: 'registry.test/hello:1'}\n"

BODIES: dict[str, Any] = {
    "sign_in": {"name": "dora", "password": "correct horse battery"},
    "create_person": {"name": "newcomer", "password": "correct horse battery"},
    "change_person": {"default_product_line": "demo"},
    "create_token": {"name": "made", "scope": "read", "days": 3},
    "create_cluster": {
        "name": "second",
        "kubeconfig": (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
            "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:6443'}}]\n"
            "users: [{name: a, user: {token: abc}}]\n"
            "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
        ),
        "facts": {"base_domain": "apps.example.com"},
    },
    "change_cluster": {"facts": {"base_domain": "apps.localhost"}},
    "put_node_pool": {"labels": {"mcd.internal/node-pool": "general"}},
    "create_product_line": {"name": "third", "cluster": "local", "wishes": {"quota": {"cpu": "20"}}},
    "change_product_line": {"wishes": {"timezone": "UTC"}},
    "put_member": {"role": "viewer"},
    "create_app": {"name": "fresh", "product_line": "demo"},
    "change_app": {"branch": "trunk"},
    "create_rollout": {"release": 1},
    "change_settings": {"components": {"web": {"replicas": 3}}},
    "set_app_secret": {"values": {"token": "canary"}},
    "set_line_secret": {"values": {"token": "canary"}},
    "ask_exec": {"command": ["true"]},
    "validate": {"app_yaml": HELLO_TEXT},
    "diff_app": {"app_yaml": HELLO_TEXT},
}

HEADERS: dict[str, dict[str, str]] = {
    "change_cluster": {"If-Match": "*"},
    "change_product_line": {"If-Match": "*"},
}

OTHERS_PARTS = {
    "cluster": "local",
    "pool": "general",
    "person": "vera",
    "token": "unknown00000",
    "secret": "payment",
    "number": "1",
    "revision": "0",
    "variable": "SESSION_KEY",
}
"""What stands for the parts of a path that name neither an App, a product line nor a Rollout."""
