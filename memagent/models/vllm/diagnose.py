"""Diagnosis of a failed vLLM start from the end of its log."""

import re

CAUSES = (
    (r"No module named '?vllm", "vLLM is not installed there"),
    (
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver"
        r"|libcuda\.so|no NVIDIA GPU",
        "it found no GPU, and this is no build of vLLM for the CPU",
    ),
    (
        r"out of memory|OutOfMemoryError|No available memory for the cache"
        r"|larger than the available KV cache|less than desired (GPU|CPU) memory"
        r"|Cannot allocate memory|MemoryError",
        "it has too little memory: give it more (--gpu-memory, --tensor-parallel), "
        "or a smaller model or --context",
    ),
    (r"[Aa]ddress already in use", "the port is taken"),
    (
        r"GatedRepo|gated repo|401 Client Error|403 Client Error",
        "the hub wants you to log in, or to accept the model's licence (HF_TOKEN)",
    ),
    (
        r"not a valid model identifier|RepositoryNotFound|Repository Not Found"
        r"|Invalid repository ID or local directory|does not appear to have a file named"
        r"|Can't load the configuration|404 Client Error|HFValidationError",
        "it knows no such model: neither a folder here nor a name on the hub",
    ),
    (
        r"LocalEntryNotFound|couldn't connect to|OfflineModeIsEnabled|MaxRetryError"
        r"|Cannot find the requested files|Name or service not known|name resolution",
        "the model is not on this disk, and the hub cannot be reached",
    ),
    (r"unrecognized arguments: ([^\n]+)", "it does not know the flag {0}"),
    (r"invalid tool call parser|KeyError: 'invalid tool", "it does not know this tool parser"),
    (r"max_model_len \(\d+\) is greater", "--context is more than the model takes"),
    (r"Value error, ([^.\n]+)", "{0}"),
    (
        r"larger than the number of available GPUs|[Ww]orld size .* GPUs",
        "it was asked for more GPUs than there are",
    ),
    (
        r"does not recognize this architecture|architectures? .* (is|are) not supported",
        "this vLLM is too old for the model, or cannot run it",
    ),
)
"""Patterns in the log and the causes they point to; the first match counts."""


def cause(lines: list[str], code: int | None) -> str:
    """Return the likely cause of a failed start, from the log's last lines and the exit code."""
    text = "\n".join(lines)
    for pattern, sentence in CAUSES:
        match = re.search(pattern, text)
        if match:
            return sentence.format(*match.groups())
    if code in (137, -9):
        return "it was killed, most likely because the machine ran out of memory"
    if code == 0:
        return "it was asked to end"
    errors = [line for line in lines if re.search(r"\w(Error|Exception): ", line)]
    return errors[-1].strip() if errors else f"it ended with exit code {code}"
