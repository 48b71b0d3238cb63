"""Diagnosis of a trained run: what went wrong, what shows it, and one change to try."""

from app.insight.diagnosis import data, descent, fit, structure
from app.insight.diagnosis.duration import in_time_to_learn
from app.insight.diagnosis.facts import Facts
from app.insight.diagnosis.rule import SEVERITIES, Finding

# Causes before their consequences: a finding suppresses those of later rules that it explains.
RULES = (*data.RULES[:3], *structure.RULES, *descent.RULES, *data.RULES[3:], *fit.RULES)


def diagnose(facts: Facts) -> list[Finding]:
    """Findings, worst first, without those that follow from another one. Empty for a sound run."""
    findings: list[Finding] = []
    explained: set[str] = set()
    for rule in RULES:
        if rule.code in explained or not rule.applies(facts):
            continue
        if (found := rule.find(facts)) is not None:
            severity = found.severity or rule.severity
            change = in_time_to_learn(facts, found.change)
            findings.append(Finding(rule.code, severity, found.finding, found.evidence, change))
            explained |= rule.explains
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
