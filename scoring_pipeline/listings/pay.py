"""Pay: ranges from numbers and from text, their periods, and which figures cannot be what they say.

What belongs here: building a `Compensation`, reading amounts such as `$93.3K`, the bounds of the plausible. What does
not: which of a provider's fields hold pay (`adapters/`). Currencies are never converted, periods never changed into
others.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scoring_pipeline.listings.model import Compensation, PayPeriod, Place

_PERIODS: tuple[tuple[PayPeriod, str], ...] = (
    ("hour", r"\bhour(?:ly|s)?\b|/\s*hr?\b|\bper hr\b"),
    ("day", r"\bday\b|\bdaily\b|\bper diem\b"),
    ("week", r"\bweek(?:ly)?\b"),
    ("month", r"\bmonth(?:ly)?\b|/\s*mo\b"),
    ("year", r"\byear(?:ly)?\b|\bannual(?:ly|ized|ised)?\b|\bper annum\b|\bp\.a\.|/\s*yr\b|\byr\b"),
)
_PERIOD_WORDS = tuple((period, re.compile(words, re.IGNORECASE)) for period, words in _PERIODS)
_SYMBOLS = {
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "SG$": "SGD", "R$": "BRL", "MX$": "MXN", "NT$": "TWD", "\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR",
    "\u20a9": "KRW", "\u20b1": "PHP", "\u20aa": "ILS", "z\u0142": "PLN", "\u20bd": "RUB", "\u20ba": "TRY",
    "\u0e3f": "THB", "\u20ab": "VND", "\u20a6": "NGN",
}  # fmt: skip
# Units per US dollar, roughly: only to tell the plausible from the impossible. A currency not here is not checked.
_PER_USD = {
    "USD": 1, "EUR": 0.9, "GBP": 0.8, "CHF": 0.9, "CAD": 1.35, "AUD": 1.5, "NZD": 1.65, "SGD": 1.35, "HKD": 7.8,
    "JPY": 150, "KRW": 1350, "CNY": 7.2, "TWD": 32, "INR": 84, "PHP": 57, "THB": 35, "VND": 25000, "IDR": 16000,
    "MYR": 4.5, "BRL": 5.5, "MXN": 18, "ARS": 1000, "CLP": 950, "COP": 4200, "PLN": 4, "CZK": 23, "HUF": 360,
    "RON": 4.6, "BGN": 1.8, "SEK": 10.5, "NOK": 10.5, "DKK": 6.9, "ILS": 3.7, "TRY": 34, "ZAR": 18, "NGN": 1600,
    "KES": 130, "EGP": 49, "AED": 3.67, "SAR": 3.75, "UAH": 41, "RUB": 95, "PEN": 3.8, "CRC": 510, "ISK": 138,
}  # fmt: skip
# In US dollars per period: what nobody is paid, and what nobody offers in a posting.
_BOUNDS: dict[PayPeriod, tuple[float, float]] = {
    "hour": (0.5, 2_000),
    "day": (4, 10_000),
    "week": (15, 60_000),
    "month": (60, 250_000),
    "year": (700, 3_000_000),
}
_DOLLARS = {"US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "HK": "HKD"}
_CODES = frozenset(_PER_USD)
_SIGN = r"(?:[A-Z]{1,3}\$|\$|\u20ac|\u00a3|\u20b9|\u20a9|\u20b1|\u20aa|z\u0142|\u20bd|\u20ba|\u0e3f|\u20ab|\u20a6)"
_FIGURE = re.compile(
    rf"(?P<before>{_SIGN}|\b[A-Z]{{3}})?\s?(?P<number>\d[\d.,'\u2019]{{0,15}})\s?(?P<scale>[kKmM](?![a-zA-Z]))?"
    rf"\s?(?P<after>{_SIGN}|[A-Z]{{3}}\b)?"
)
_BETWEEN = re.compile(r"\s*(?:[-\u2013\u2014\u2012]|to|bis|and|\u00e0)\s*", re.IGNORECASE)
_MAX_TEXT = 4000
_THOUSANDS = 3


@dataclass(frozen=True)
class _Amount:
    value: float
    scale: str
    currency: str | None
    marked: bool
    start: int
    end: int


def implausible(minimum: float | None, maximum: float | None, currency: str | None, period: PayPeriod | None) -> bool:
    """Whether a range cannot be what it says: not above zero, upside down, or beyond what anybody is paid.

    A yearly salary of 26 is a slip (thousands, or an hourly wage); it is flagged and kept, never corrected.
    """
    figures = [figure for figure in (minimum, maximum) if figure is not None]
    if any(figure <= 0 for figure in figures):
        return True
    if minimum is not None and maximum is not None and minimum > maximum:
        return True
    rate = _PER_USD.get(currency) if currency else None
    if period is None or rate is None:
        return False
    low, high = _BOUNDS[period]
    return any(not low <= figure / rate <= high for figure in figures)


def compensation(
    minimum: float | None,
    maximum: float | None,
    *,
    currency: str | None = None,
    period: PayPeriod | None = None,
    label: str | None = None,
) -> Compensation | None:
    """Return one pay range, flagged where it is implausible; None where there is no figure.

    Args:
        minimum: in units of `currency`.
        maximum: in units of `currency`.
        currency: ISO 4217; anything that is not three letters counts as none.
        period: what the figures are paid for.
        label: a zone or title.
    """
    if minimum is None and maximum is None:
        return None
    code = currency.strip().upper() if currency else ""
    known = code if len(code) == 3 and code.isascii() and code.isalpha() else None  # noqa: PLR2004 - ISO 4217
    return Compensation(
        minimum=minimum,
        maximum=maximum,
        currency=known,
        period=period,
        label=label,
        implausible=implausible(minimum, maximum, known, period),
    )


def unique(ranges: Iterable[Compensation | None]) -> tuple[Compensation, ...]:
    """Return the ranges there are, without repetitions."""
    return tuple(dict.fromkeys(found for found in ranges if found is not None))


def period_in(text: str | None) -> PayPeriod | None:
    """Return the one period that `text` names; None where it names none or several."""
    if not text:
        return None
    found = [period for period, pattern in _PERIOD_WORDS if pattern.search(text)]
    return found[0] if len(found) == 1 else None


def dollars_of(places: Iterable[Place]) -> str | None:
    """Return the currency that a bare `$` means at these places, where they leave no doubt; None elsewhere."""
    countries = {place.country for place in places if place.country}
    return _DOLLARS.get(countries.pop()) if len(countries) == 1 else None


def parse_number(text: str) -> float | None:
    """Return the number of `"120,000"`, `"120.000"`, `"45.50"`, `"1.234,56"`; None where it cannot be read."""
    plain = text.strip(".,'\u2019").replace("'", "").replace("\u2019", "")
    last = max(plain.rfind(","), plain.rfind("."))
    if last >= 0:
        tail, mark = plain[last + 1 :], plain[last]
        both = "," in plain and "." in plain
        if (len(tail) == _THOUSANDS and not both) or plain.count(mark) > 1:
            plain = plain.replace(",", "").replace(".", "")
        else:
            plain = plain[:last].replace(",", "").replace(".", "") + "." + tail
    try:
        return float(plain)
    except ValueError:
        return None


def _amounts(text: str, dollar: str | None) -> Iterator[_Amount]:
    for found in _FIGURE.finditer(text):
        value = parse_number(found["number"])
        if value is None:
            continue
        marks = [mark for mark in (found["before"], found["after"]) if mark]
        codes = [_SYMBOLS.get(mark) or (mark if mark in _CODES else None) for mark in reversed(marks)]
        currency = next((code for code in codes if code), dollar if "$" in marks else None)
        marked = currency is not None or "$" in marks
        yield _Amount(value, (found["scale"] or "").lower(), currency, marked, found.start(), found.end())


def _scaled(amount: _Amount, scale: str) -> float:
    factor = {"k": 1_000, "m": 1_000_000}.get(amount.scale or scale, 1)
    return round(amount.value * factor, 2)


def _range(low: _Amount, high: _Amount, period: PayPeriod | None, label: str | None) -> Compensation | None:
    shared = high.scale if low.value <= high.value else ""  # "$120-160K": the K belongs to both
    currency = high.currency or low.currency
    return compensation(_scaled(low, shared), _scaled(high, ""), currency=currency, period=period, label=label)


def in_text(text: str, *, dollar: str | None = None, label: str | None = None) -> tuple[Compensation, ...]:
    """Return the pay ranges written in a short text that is about pay, such as `"CA$25.00 \u2013 CA$75.00 per hour"`.

    Only amounts with a currency count. The period is the one the text names, if it names one.

    Args:
        text: the text; what is beyond its first 4,000 characters is not read.
        dollar: the currency of a bare `$`, where the context tells.
        label: the zone or title to give to each range.
    """
    short = text[:_MAX_TEXT]
    period = period_in(short)
    amounts = list(_amounts(short, dollar))
    found: list[Compensation | None] = []
    index = 0
    while index < len(amounts):
        low = amounts[index]
        high = amounts[index + 1] if index + 1 < len(amounts) else None
        if high and (low.marked or high.marked) and _BETWEEN.fullmatch(short[low.end : high.start]):
            found.append(_range(low, high, period, label))
            index += 2
            continue
        if low.marked:
            value = _scaled(low, "")
            found.append(compensation(value, value, currency=low.currency, period=period, label=label))
        index += 1
    return unique(found)
