"""Tests of a dataset, beside the tests of the code that is trained on it.

Copy it, name your folder in DATASET (or in the environment variable of that name), and say what must hold.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import privacy_audit as pa

DATASET = Path(os.environ.get("DATASET", "photos"))


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pa.Audit:
    """The dataset, audited once for all tests."""
    return pa.scan(DATASET, output=tmp_path_factory.mktemp("privacy") / "audit", policy="baseline", jobs=0)


def test_every_sample_was_checked(audit: pa.Audit) -> None:
    """Without this one, the others prove nothing about pictures that could not be read."""
    assert len(audit.failures) == 0


@pytest.mark.parametrize("code", ["gps.precise", "contact.email", "contact.phone", "id.national", "secret"])
def test_there_is_none_of(audit: pa.Audit, code: str) -> None:
    found = audit.findings.where(f"code = '{code}'")
    assert len(found) == 0, [row["preview"] for row in found][:5]


def test_the_policy_passes(audit: pa.Audit) -> None:
    assert audit.exit_code == 0, audit.actions()
