"""Text that image generators leave: prompts, parameters, node graphs."""

from __future__ import annotations

import re

from privacy_audit.detectors.metadata.hits import words

KEYWORDS = words(
    "parameters workflow negative_prompt prompt dream sd-metadata sd_metadata invokeai_metadata "
    "invokeai_graph invokeai_workflow generation_data generation_parameters fooocus_scheme swarm sui_image_params "
    "postprocessing extras style aesthetic_score"
) | {"negative prompt"}
_MARKS = re.compile(
    r"\bSteps: \d+, (?:Sampler|CFG|Schedule)|\bNegative prompt: |\"class_type\"\s*:|\"sui_image_params\"|"
    r"\"(?:uc|sampler|sampler_name)\"\s*:.*\"(?:steps|seed|scale|cfg)\"|\bCFG scale: |"
    r"--(?:ar|v|niji|stylize) \d.*Job ID",
    re.DOTALL,
)


def is_prompt(value: str) -> bool:
    """Whether a comment holds generator parameters."""
    return _MARKS.search(value[:20_000]) is not None
