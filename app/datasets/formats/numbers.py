"""Numbers in the cells of a table: words for missing values, decimal signs, thousands separators."""

import math
import re
from collections.abc import Iterable
from typing import Literal

Value = str | float | None  # None is missing
Notation = Literal["point", "comma", "grouped"]
"""Notation of a column's numbers: `point` for 1.5, `comma` for 1,5 or 1.5, `grouped` for 1.234,5."""

# In lower case. Infinite values count as missing, since nothing can be learnt from them.
MISSING = frozenset(
    {
        "", "na", "n/a", "n.a.", "n. a.", "nan", "-nan", "null", "none", "nil", "nat", "<na>", "\\n", "missing",
        "n/d", "n.d.", "н/д", "(null)", "<null>", "[null]", "not available", "not applicable",
        "-", "--", "---", "–", "—", ".", "..", "...", "?", "inf", "+inf", "-inf", "infinity", "-infinity",
        "-1.#ind", "1.#ind", "-1.#qnan", "1.#qnan",
        "0000-00-00", "0000-00-00 00:00:00", "0000/00/00", "00/00/0000", "00.00.0000", "00-00-0000",  # MySQL
    }
)  # fmt: skip
# Errors of spreadsheets, in any language: #DIV/0!, #NAME?, #WERT!, #¡VALOR!, #¿NOMBRE?, #N/A, #Н/Д, #NV, Err:502.
SPREADSHEET_ERROR = re.compile(
    r"#[¡¿]?[\w/. ]+[!?]|#[^\W\d_]{1,2}/[^\W\d_]{1,4}\.?|#n/a n/a|#n[advb]\.?|"
    r"#(brak|yok|hiányzik|nenalezeno|getting_data|spill|calc|busy|field)|err:\d{3}"
)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")  # might also be a decimal comma: the text does not tell
GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
GROUPED_FOR_SURE = re.compile(r"[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,})")
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
POINT_AFTER_COMMAS = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d*")
LARGEST = 3.4e38  # of float32


def number(value: Value, notation: Notation = "point") -> float:
    """Convert a value to a number. Raises ValueError, also for a missing value, or one that float32 cannot hold."""
    if isinstance(value, str):
        if "_" in value:  # float() would accept it
            raise ValueError(value)
        if notation == "grouped":
            value = _ungrouped(value.strip())
        parsed = float(value if notation == "point" else value.replace(",", "."))
    elif value is None:
        raise ValueError(value)
    else:
        parsed = value
    if not math.isfinite(parsed) or abs(parsed) > LARGEST:
        raise ValueError(value)
    return parsed


def _ungrouped(text: str) -> str:
    """A number without its thousands separators. Raises ValueError for a decimal point."""
    if "." not in text:
        return text
    if not GROUPED.fullmatch(text):
        raise ValueError(text)
    return text.replace(".", "")


def missing(value: Value) -> bool:
    """True if the cell is empty, infinite, a usual word for a missing value, or a spreadsheet's error."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text in MISSING or (text.startswith(("#", "err:")) and SPREADSHEET_ERROR.fullmatch(text) is not None)
    return value is None or not math.isfinite(value)


def is_number(value: Value, notation: Notation = "point") -> bool:
    try:
        number(value, notation)
    except ValueError:
        return False
    return True


def has_decimal_commas(column: Iterable[str]) -> bool:
    """True if all known values are numbers, and the comma of one of them is surely a decimal comma."""
    known = [value.strip() for value in column if not missing(value)]
    if not all(is_number(value, "comma") or is_number(value, "grouped") for value in known):
        return False
    return any(DECIMAL_COMMA.fullmatch(value) and not THOUSANDS.fullmatch(value) for value in known)


def as_json(text: str, is_numeric: bool, notation: Notation) -> str | float | None:
    """A cell as a row of a prediction has it: a number, a text, or null. A text in place of a number is kept, so that a
    refusal can quote it."""
    if missing(text):
        return None
    if not is_numeric:
        return text.strip()
    try:
        return number(text, notation)
    except ValueError:
        return text
