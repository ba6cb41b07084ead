"""oss: a bucket of objects, spoken to as S3. Which program serves it is decided for each cluster.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

OSS = Offering(
    name="oss",
    also=("s3", "minio"),
    words=("endpoint", "bucket", "region", "access_key", "secret_key", "url"),
    standalone=builtin("chrislusf/seaweedfs"),
    high=operator("seaweed.seaweedfs.com/v1 Seaweed"),
    ready="Its endpoint answers, and the App's key has listed its bucket.",
    stays=KEPT,
    options=("bucket", "access"),
    ports={"endpoint": 8333},
    url="s3://{bucket}",
    shared=("bucket", "access key"),
)
