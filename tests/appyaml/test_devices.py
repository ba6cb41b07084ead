"""What vendors call their devices: the table of app-yaml 6.8, row by row."""

from __future__ import annotations

import pytest

from mcd.appyaml.resolve.pools import VENDORS, vendor_of_model, vendors_of
from mcd.appyaml.schema.defaults import VENDORS as WRITTEN
from mcd.appyaml.schema.gpu import Gpu

ROWS = {
    "nvidia": ("nvidia.com/gpu", "nvidia.com/gpu.product", ("T4", "A100-80GB", "4090", "L40S")),
    "amd": ("amd.com/gpu", "amd.com/gpu.product-name", ("MI300X", "MI210")),
    "intel": ("gpu.intel.com/xe", "", ("Max 1550", "Flex 170", "Arc A770")),
    "cambricon": ("cambricon.com/mlu", "", ("MLU370-X8",)),
    "ascend": ("huawei.com/Ascend910", "", ("Ascend910B", "Ascend310P")),
    "hygon": ("hygon.com/dcu", "", ("K100-AI", "Z100L", "BW1000")),
    "iluvatar": ("iluvatar.com/gpu", "", ("BI-V100", "MR-V50")),
    "metax": ("metax-tech.com/gpu", "", ("MXC500", "C500", "N260")),
    "mthreads": ("mthreads.com/gpu", "", ("MTT S80", "S4000", "S5000")),
    "mc40": ("", "", ("MC40",)),
}


@pytest.mark.parametrize("vendor", ROWS)
def test_a_vendor_has_the_names_of_the_table(vendor: str) -> None:
    resource, label, models = ROWS[vendor]
    assert (VENDORS[vendor].resource, VENDORS[vendor].product_label) == (resource, label)
    assert {vendor_of_model(model) for model in models} == {vendor}
    assert {vendor_of_model(model.lower()) for model in models} == {vendor}


def test_every_vendor_that_may_be_written_has_a_row() -> None:
    assert set(WRITTEN) == ROWS.keys() == VENDORS.keys()


def test_the_written_vendor_wins_over_those_of_the_models() -> None:
    assert vendors_of(Gpu(model=("MLU370",), vendor="nvidia")) == ("nvidia",)
    assert vendors_of(Gpu(model=("MLU370", "T4", "MLU590"))) == ("cambricon", "nvidia")
    assert vendors_of(Gpu(mig="1g.10gb")) == ("nvidia",)
    assert vendors_of(Gpu(count=2)) == ()
