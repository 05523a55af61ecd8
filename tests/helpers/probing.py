"""What the tests of the probes share: a secret, and how it is forgotten and asked for."""

from memagent import Memory, Record, Scope
from memagent.memory import deletion_probes

SECRET = "The vault opens with xylophone seventeen."


def known(findings: deletion_probes.Findings) -> set[str]:
    return {probe.kind for probe in findings.probes if probe.after}


def forgotten(
    memory: Memory, record: Record, ada: Scope, **more: list[str]
) -> deletion_probes.Findings:
    """Take the target, forget, and ask."""
    what = memory.probes.target([record.id], scope=ada, **more)
    memory.forget([record.id], scope=ada)
    return memory.probes.check(what)
