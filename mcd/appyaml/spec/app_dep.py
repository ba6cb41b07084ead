"""Another App that this one calls, with nothing left open: where it answers, and under which names that is told.

Frozen values only. It must not know whether that App runs.
"""

from __future__ import annotations

from mcd.appyaml.record import record


@record
class AppDepSpec:
    """One entry of `app_dep`. `variable` is the name of the one with the URL. `elsewhere` is whether the App is of
    another product line, so that the network has to let the call through."""

    name: str
    component: str
    namespace: str
    host: str
    port: int
    scheme: str
    variable: str
    elsewhere: bool

    @property
    def values(self) -> dict[str, str]:
        """What `{from: app_dep.NAME.…}` may ask for."""
        return {"url": f"{self.scheme}://{self.host}:{self.port}", "host": self.host, "port": str(self.port)}

    @property
    def variables(self) -> dict[str, str]:
        """Variable → value."""
        values = self.values
        if not self.variable.endswith("_URL"):
            return {self.variable: values["url"]}
        stem = self.variable.removesuffix("_URL")
        return {self.variable: values["url"], f"{stem}_HOST": values["host"], f"{stem}_PORT": values["port"]}
