"""The report of an import: its remarks, worst first, each with a severity and one change to try."""

from collections.abc import Iterable

from app.messages.catalogue.remarks import REMARKS, SEVERITIES, Severity
from app.messages.message import Message
from app.messages.rendering import Vocabulary, filled
from app.messages.vocabulary import API


def severity(remark: Message) -> Severity:
    return REMARKS[remark.code].severity


def fix(remark: Message, vocabulary: Vocabulary = API) -> str:
    """The sentence about what to change."""
    return filled(REMARKS[remark.code].fix, remark.params, vocabulary)


def sentence(remark: Message, vocabulary: Vocabulary = API) -> str:
    """Detail and fix in one sentence."""
    return f"{remark.text(vocabulary)}; {fix(remark, vocabulary)}"


def worst_first(remarks: Iterable[Message]) -> list[Message]:
    return sorted(remarks, key=lambda remark: SEVERITIES.index(severity(remark)))
