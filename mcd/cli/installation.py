"""Which installation the commands of a server work on: its settings, and whether the folder that MCD_DATA names is one.

SQLite makes the file that it is asked to open, so a wrong folder would look like an installation without tables. It
must not make, open or change a file.
"""

from __future__ import annotations

from pydantic import ValidationError

from mcd.errors import Code, McdError, echo
from mcd.settings import Environment


def read_environment() -> Environment:
    """The settings. Raises McdError(invalid) that names every wrong variable at once, never its value."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = [
            f"MCD_{'_'.join(str(part) for part in e['loc']).upper()}: "
            f"{str(e['msg']).removeprefix('Value error, ').rstrip('.')}."
            for e in error.errors()
        ]
        raise McdError(Code.INVALID, " ".join(wrong), "Set it right and start again.") from None


def check_folder(settings: Environment, *, of_git: bool = False) -> None:
    """Raises McdError(invalid) that names the folder which was looked in, and how to name the right one.

    With a database elsewhere the folder is of interest for its repositories only (`of_git`).
    """
    if settings.database_url:
        missing = "there is no such folder" if of_git and not settings.data.is_dir() else ""
    else:
        file = settings.data / "mcd.db"
        missing = "" if file.is_file() and file.stat().st_size else "there is no mcd.db in it"
    if not missing:
        return
    said = "MCD_DATA names it" if "data" in settings.model_fields_set else "MCD_DATA is not set, and it is the default"
    raise McdError(
        Code.INVALID,
        f"{echo(str(settings.data.absolute()), 200)}: no data of MCD ({missing}). {said}.",
        "Set MCD_DATA to the folder of your `mcd serve` (`make status` prints it for `make up`: .local/mcd/data in the "
        "checkout), and MCD_DATABASE_URL when it uses PostgreSQL. A new installation begins with `mcd admin migrate`.",
    )
