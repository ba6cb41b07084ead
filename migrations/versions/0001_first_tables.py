"""the first tables

Revision 0001. Frozen: the types are written out here, so that a later change of `mcd.store` cannot change the past.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
OLDER_GOES_ON = False

utc = sa.DateTime(timezone=True)
json = sa.JSON().with_variant(JSONB(), "postgresql")


def wait_briefly() -> None:
    """A migration that cannot get its lock gives up instead of queueing everybody behind itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")


def upgrade() -> None:
    wait_briefly()
    op.create_table(
        "cluster",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("idc", sa.Text(), nullable=False),
        sa.Column("facts", json, nullable=False),
        sa.Column("serves", json, nullable=False),
        sa.Column("seen_at", utc, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("conditions", json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("takes", sa.Integer(), nullable=False),
        sa.Column("next_run_at", utc, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", utc, nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("deleted_at", utc, nullable=True),
        sa.Column("gone_at", utc, nullable=True),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_cluster_lease")),
        sa.CheckConstraint("attempts >= 0 AND takes >= 0", name=op.f("ck_cluster_attempts")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_cluster_generation")),
        sa.CheckConstraint("gone_at IS NULL OR deleted_at IS NOT NULL", name=op.f("ck_cluster_gone")),
        sa.CheckConstraint(
            "observed_generation >= 0 AND observed_generation <= generation",
            name=op.f("ck_cluster_observed_generation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster")),
    )
    op.create_index(
        "ix_cluster_due",
        "cluster",
        ["next_run_at"],
        unique=False,
        sqlite_where=sa.text("next_run_at IS NOT NULL"),
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index(
        "uq_cluster_name",
        "cluster",
        ["name"],
        unique=True,
        sqlite_where=sa.text("gone_at IS NULL"),
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_table(
        "event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", utc, nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("product_line", sa.Text(), nullable=True),
        sa.Column("app", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", json, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_app_sequence"), "event", ["app", "sequence"], unique=False)
    op.create_index(op.f("ix_event_noun_name_sequence"), "event", ["noun", "name", "sequence"], unique=False)
    op.create_index(op.f("ix_event_product_line_sequence"), "event", ["product_line", "sequence"], unique=False)
    op.create_table(
        "event_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_event_counter_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_counter")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("response", json, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "secret",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("owner IN ('app', 'product-line', 'cluster')", name=op.f("ck_secret_owner")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_secret_version")),
        sa.PrimaryKeyConstraint("owner_id", "name", "version", "key", name=op.f("pk_secret")),
    )
    op.create_index(op.f("ix_secret_key_id"), "secret", ["key_id"], unique=False)
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", utc, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index(op.f("ix_sign_in_attempt_address_at"), "sign_in_attempt", ["address", "at"], unique=False)
    op.create_index(op.f("ix_sign_in_attempt_at"), "sign_in_attempt", ["at"], unique=False)
    op.create_index(op.f("ix_sign_in_attempt_name_at"), "sign_in_attempt", ["name", "at"], unique=False)
    op.create_table(
        "inventory",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("applied", sa.Text(), nullable=False),
        sa.CheckConstraint("owner IN ('app', 'product-line')", name=op.f("ck_inventory_owner")),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_inventory_cluster_id")),
        sa.PrimaryKeyConstraint("owner_id", "api_version", "kind", "namespace", "name", name=op.f("pk_inventory")),
        sa.UniqueConstraint(
            "cluster_id",
            "api_version",
            "kind",
            "namespace",
            "name",
            name=op.f("uq_inventory_cluster_id_api_version_kind_namespace_name"),
        ),
    )
    op.create_table(
        "product_line",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("wishes", json, nullable=False),
        sa.Column("changes", json, nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("conditions", json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("takes", sa.Integer(), nullable=False),
        sa.Column("next_run_at", utc, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", utc, nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("deleted_at", utc, nullable=True),
        sa.Column("gone_at", utc, nullable=True),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_product_line_lease")),
        sa.CheckConstraint("attempts >= 0 AND takes >= 0", name=op.f("ck_product_line_attempts")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_product_line_generation")),
        sa.CheckConstraint("gone_at IS NULL OR deleted_at IS NOT NULL", name=op.f("ck_product_line_gone")),
        sa.CheckConstraint(
            "observed_generation >= 0 AND observed_generation <= generation",
            name=op.f("ck_product_line_observed_generation"),
        ),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_product_line_cluster_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_line")),
    )
    op.create_index(
        "ix_product_line_due",
        "product_line",
        ["next_run_at"],
        unique=False,
        sqlite_where=sa.text("next_run_at IS NOT NULL"),
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index(
        "uq_product_line_cluster_id_namespace",
        "product_line",
        ["cluster_id", "namespace"],
        unique=True,
        sqlite_where=sa.text("gone_at IS NULL"),
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_index(
        "uq_product_line_name",
        "product_line",
        ["name"],
        unique=True,
        sqlite_where=sa.text("gone_at IS NULL"),
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_table(
        "app",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("product_line_id", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", utc, nullable=True),
        sa.Column("gone_at", utc, nullable=True),
        sa.CheckConstraint("gone_at IS NULL OR deleted_at IS NOT NULL", name=op.f("ck_app_gone")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_app_product_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app")),
    )
    op.create_index("ix_app_name_gone_at", "app", ["name", "gone_at"], unique=False)
    op.create_index(op.f("ix_app_product_line_id"), "app", ["product_line_id"], unique=False)
    op.create_index(
        "uq_app_name",
        "app",
        ["name"],
        unique=True,
        sqlite_where=sa.text("gone_at IS NULL"),
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_table(
        "node_pool",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", json, nullable=False),
        sa.Column("taints", json, nullable=False),
        sa.Column("runtime_class", sa.Text(), nullable=False),
        sa.Column("arch", sa.Text(), nullable=False),
        sa.Column("capacity", json, nullable=False),
        sa.Column("devices", json, nullable=False),
        sa.Column("dedicated_to_id", sa.Text(), nullable=True),
        sa.Column("oversell", sa.Float(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.CheckConstraint("oversell >= 1", name=op.f("ck_node_pool_oversell")),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_node_pool_cluster_id")),
        sa.ForeignKeyConstraint(["dedicated_to_id"], ["product_line.id"], name=op.f("fk_node_pool_dedicated_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_pool")),
        sa.UniqueConstraint("cluster_id", "name", name=op.f("uq_node_pool_cluster_id_name")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("default_product_line_id", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("disabled_at", utc, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.ForeignKeyConstraint(
            ["default_product_line_id"], ["product_line.id"], name=op.f("fk_person_default_product_line_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("name", name=op.f("uq_person_name")),
    )
    op.create_table(
        "build",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_build_app_id")),
        sa.PrimaryKeyConstraint("app_id", "inputs", name=op.f("pk_build")),
    )
    op.create_table(
        "member",
        sa.Column("product_line_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("since", utc, nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'developer', 'release_manager', 'owner')", name=op.f("ck_member_role")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_member_person_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_member_product_line_id")),
        sa.PrimaryKeyConstraint("product_line_id", "person_id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_person_id"), "member", ["person_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("app_yaml", sa.Text(), nullable=False),
        sa.Column("images", json, nullable=False),
        sa.Column("problems", json, nullable=False),
        sa.Column("deploys", sa.Boolean(), nullable=False),
        sa.Column("wished_deletes", json, nullable=False),
        sa.Column("rollouts_before", sa.Integer(), nullable=False),
        sa.Column("ready_at", utc, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("conditions", json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("takes", sa.Integer(), nullable=False),
        sa.Column("next_run_at", utc, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", utc, nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("deleted_at", utc, nullable=True),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_release_lease")),
        sa.CheckConstraint("attempts >= 0 AND takes >= 0", name=op.f("ck_release_attempts")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_release_generation")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_release_number")),
        sa.CheckConstraint(
            "observed_generation >= 0 AND observed_generation <= generation",
            name=op.f("ck_release_observed_generation"),
        ),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_release_app_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.UniqueConstraint("app_id", "commit", name=op.f("uq_release_app_id_commit")),
        sa.UniqueConstraint("app_id", "number", name=op.f("uq_release_app_id_number")),
    )
    op.create_index(
        "ix_release_due",
        "release",
        ["next_run_at"],
        unique=False,
        sqlite_where=sa.text("next_run_at IS NOT NULL"),
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("expires_at", utc, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_session_person_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_expires_at"), "session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_session_person_id"), "session", ["person_id"], unique=False)
    op.create_table(
        "settings",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("values", json, nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_settings_revision")),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_settings_app_id")),
        sa.PrimaryKeyConstraint("app_id", "revision", name=op.f("pk_settings")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("expires_at", utc, nullable=False),
        sa.Column("last_used_at", utc, nullable=True),
        sa.CheckConstraint("scope IN ('read', 'deploy', 'all')", name=op.f("ck_token_scope")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_token_expires_at")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("person_id", "name", name=op.f("uq_token_person_id_name")),
    )
    op.create_table(
        "build_log",
        sa.Column("release_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_build_log_release_id")),
        sa.PrimaryKeyConstraint("release_id", "line", name=op.f("pk_build_log")),
    )
    op.create_table(
        "rollout",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("settings", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("take_over", sa.Boolean(), nullable=False),
        sa.Column("restarts", json, nullable=False),
        sa.Column("confirmed_prune", sa.Text(), nullable=False),
        sa.Column("wished_deletes", json, nullable=False),
        sa.Column("commits", json, nullable=False),
        sa.Column("digests", json, nullable=False),
        sa.Column("health", json, nullable=False),
        sa.Column("changes", json, nullable=False),
        sa.Column("heals", json, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("began_at", utc, nullable=True),
        sa.Column("ready_at", utc, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("conditions", json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("takes", sa.Integer(), nullable=False),
        sa.Column("next_run_at", utc, nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", utc, nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("deleted_at", utc, nullable=True),
        sa.CheckConstraint(
            "trigger IN ('push', 'deploy', 'rollback', 'settings', 'restart', 'auto-rollback', 'delete')",
            name=op.f("ck_rollout_trigger"),
        ),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_rollout_lease")),
        sa.CheckConstraint("attempts >= 0 AND takes >= 0", name=op.f("ck_rollout_attempts")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_rollout_generation")),
        sa.CheckConstraint("live OR next_run_at IS NULL", name=op.f("ck_rollout_history_is_not_worked_on")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_rollout_number")),
        sa.CheckConstraint(
            "observed_generation >= 0 AND observed_generation <= generation",
            name=op.f("ck_rollout_observed_generation"),
        ),
        sa.ForeignKeyConstraint(
            ["app_id", "release"], ["release.app_id", "release.number"], name=op.f("fk_rollout_app_id_release")
        ),
        sa.ForeignKeyConstraint(
            ["app_id", "settings"], ["settings.app_id", "settings.revision"], name=op.f("fk_rollout_app_id_settings")
        ),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_rollout_app_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
        sa.UniqueConstraint("app_id", "number", name=op.f("uq_rollout_app_id_number")),
    )
    op.create_index(
        "ix_rollout_due",
        "rollout",
        ["next_run_at"],
        unique=False,
        sqlite_where=sa.text("next_run_at IS NOT NULL"),
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index(
        "uq_rollout_live",
        "rollout",
        ["app_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    # The one row whose lock orders the Events.
    op.execute("INSERT INTO event_counter (id, last) VALUES (1, 0)")


def downgrade() -> None:
    wait_briefly()
    for table in (
        "rollout",
        "build_log",
        "token",
        "settings",
        "session",
        "release",
        "member",
        "build",
        "person",
        "node_pool",
        "app",
        "product_line",
        "inventory",
        "sign_in_attempt",
        "secret",
        "installation",
        "idempotency_key",
        "event_counter",
        "event",
        "cluster",
    ):
        op.drop_table(table)
