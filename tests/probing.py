"""What the tests of the probes share: a secret, and how it is forgotten and asked for."""

from memagent import Memory, Record, Scope, probes

SECRET = "The vault opens with xylophone seventeen."


def known(findings: probes.Findings) -> set[str]:
    return {probe.kind for probe in findings.probes if probe.after}


def forgotten(memory: Memory, record: Record, ada: Scope, **more: list[str]) -> probes.Findings:
    """Take the target, forget, and ask."""
    what = probes.target(memory, [record.id], scope=ada, **more)
    memory.forget([record.id], scope=ada)
    return probes.check_forgotten(memory, what)
