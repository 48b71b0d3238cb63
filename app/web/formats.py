"""Numbers, durations and times as people read them. `static/js/formats.js` does the same for scripts."""

import math
import time

from markupsafe import Markup, escape

from app.web.texts import Texts

THIN_SPACE = "\u202f"
NOTHING = "–"  # stands where there is no value
MINUTE, HOUR, DAY = 60, 3600, 86400
UNITS = ("b", "kb", "mb", "gb", "tb")


def metric(value: float | str | None, digits: int = 4) -> str:
    """A measured number with so many significant digits, such as 0.1230, 1 234 or 1.2e−07."""
    if value is None:
        return NOTHING
    number = float(value)  # from the database, what is not finite comes as text
    if not math.isfinite(number):
        return {math.inf: "∞", -math.inf: "−∞"}.get(number, "NaN")
    magnitude = math.floor(math.log10(abs(number))) if number else 0
    if -5 < magnitude < 9:
        text = f"{number:,.{max(0, digits - 1 - magnitude)}f}".replace(",", THIN_SPACE)
    else:
        text = f"{number:.{digits - 1}e}"
    return text.replace("-", "−")


def number(value: float | str | None) -> str:
    """A number that was chosen, such as 0.001: without zeros at the end."""
    mantissa, exponent, power = metric(value).partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + exponent + power


def prose(text: str) -> Markup:
    """A text in which words between ` are code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)))


def percent(fraction: float | None) -> str:
    """A fraction in percent, such as 97.3 %."""
    if fraction is None:
        return NOTHING
    return f"{100 * fraction:.1f}{THIN_SPACE}%"


def duration(texts: Texts, seconds: float | None) -> str:
    """A duration in its two largest units, such as 3 min 20 s."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return texts("format.seconds", s=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < MINUTE:
        return texts("format.seconds", s=whole)
    if whole < HOUR:
        return texts("format.minutes", m=whole // MINUTE, s=whole % MINUTE)
    if whole < DAY:
        return texts("format.hours", h=whole // HOUR, m=whole % HOUR // MINUTE)
    return texts("format.days", d=whole // DAY, h=whole % DAY // HOUR)


def milliseconds(texts: Texts, value: float | None) -> str:
    """A short time, such as 0.214 ms."""
    return NOTHING if value is None else texts("format.milliseconds", n=metric(value, 3))


def ago(texts: Texts, instant: float | None) -> str:
    """The time since an instant, in its largest unit; seconds since 1970."""
    if instant is None:
        return NOTHING
    seconds = max(0, int(time.time() - instant))
    if seconds < MINUTE:
        return texts("format.just_now")
    if seconds < HOUR:
        return texts("format.minutes_ago", n=seconds // MINUTE)
    if seconds < DAY:
        return texts("format.hours_ago", n=seconds // HOUR)
    return texts("format.days_ago", n=seconds // DAY)


def until(texts: Texts, instant: float | None) -> str:
    """The time until an instant, which may have passed; seconds since 1970."""
    return NOTHING if instant is None else duration(texts, max(0.0, instant - time.time()))


def size(texts: Texts, bytes: int | None) -> str:
    """A number of bytes, such as 14.7 MB."""
    if bytes is None:
        return NOTHING
    power = min(len(UNITS) - 1, int(math.log(max(bytes, 1), 1000)))
    value = bytes / 1000**power
    return texts(f"format.{UNITS[power]}", n=f"{value:.1f}" if power and value < 100 else f"{value:.0f}")
