"""English as it is spoken: lower case, numbers and common abbreviations in words.

What is ambiguous on paper is read in the way that is most frequent in running text; docs/text.md
shows each rule by an example.
"""

from __future__ import annotations

import re
from re import Match

from asr.text.normalise.characters import drop_punctuation, unify
from asr.text.normalise.english_numbers import (
    cardinal,
    digits,
    is_year,
    number,
    ordinal,
    plural,
    two_digits,
    year,
)
from asr.text.normalise.rules import Rule, apply_rules, rule

NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_START = r"(?<![0-9A-Za-z.,])"  # of a number that stands alone
_END = r"(?![0-9]|[.,][0-9])"

_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
]  # fmt: skip
_SHORT_MONTHS = [*(f"{name[:3]}\\.?" for name in _MONTHS), "sept\\.?"]
_MONTH = "|".join(
    [
        *(
            spelled
            for name in [*_MONTHS, *_SHORT_MONTHS]
            for spelled in (name.title(), name.upper())
        ),
        *(name for name in _MONTHS if name not in ("march", "may")),  # verbs as well
    ]
)
_DAY = r"(3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?![0-9A-Za-z:]|[.,/][0-9])"
_YEAR = r"(1[1-9][0-9]{2}|20[0-9]{2})(?![0-9])"

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
}
_SCALES = {"k": "thousand", "m": "million", "bn": "billion"}
_SCALE = r"(?:\s?(hundred|thousand|million|billion|trillion)|(k|m|bn))?\b"

_UNITS = {
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "mph": "mile per hour",
    "m/s": "meter per second", "km^2": "square kilometer", "m^2": "square meter",
    "m^3": "cubic meter", "km": "kilometer", "m": "meter", "cm": "centimeter",
    "mm": "millimeter", "mi": "mile", "ft": "foot", "kg": "kilogram", "g": "gram",
    "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter", "L": "liter",
    "ml": "milliliter", "hr": "hour", "hrs": "hour", "h": "hour", "min": "minute",
    "mins": "minute", "sec": "second", "secs": "second", "s": "second", "ms": "millisecond",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "W": "watt", "kW": "kilowatt", "V": "volt", "°C": "degree celsius",
    "°F": "degree fahrenheit", "°": "degree",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter",
    "3/4": "three quarters",
}  # fmt: skip
_FRACTION = "|".join(_FRACTIONS)

_TITLES = {
    "Mr": "mister", "Mrs": "missus", "Dr": "doctor", "Prof": "professor", "Capt": "captain",
    "Gen": "general", "Col": "colonel", "Lt": "lieutenant", "Sgt": "sergeant", "Gov": "governor",
    "Sen": "senator", "Rep": "representative", "Rev": "reverend",
}  # fmt: skip
_ANYWHERE = {
    "mr": "mister", "mrs": "missus", "vs": "versus", "etc": "et cetera", "jr": "junior",
    "sr": "senior", "ave": "avenue", "blvd": "boulevard", "dept": "department",
    "approx": "approximately", "inc": "incorporated", "corp": "corporation",
}  # fmt: skip
_NO_STREET = "(?:In|At|On|The|To|From|Of|And|Near|By|For|With)"


def normalise_english(text: str) -> str:
    """Write English text as it is spoken, in lower case; accents stay."""
    return drop_punctuation(apply_rules(unify(text), _RULES).lower())


@rule(r"(?<![^\W\d_])(Mr|Mrs|MR|MRS|mr|mrs)(?![^\W\d_])\.?")
def _mister(match: Match[str]) -> str:
    return _ANYWHERE[match[1].lower()]


@rule(rf"\b({'|'.join([*_TITLES, *map(str.upper, _TITLES)])})\.(?=\s*[A-Z])")
def _title(match: Match[str]) -> str:
    return f"{_TITLES[match[1].capitalize()]} "


@rule(rf"\b({'|'.join(_ANYWHERE)})\.", re.IGNORECASE)
def _abbreviation(match: Match[str]) -> str:
    return f"{_ANYWHERE[match[1].lower()]} "


@rule(r"(\b[A-Z][\w']*\s+)?\b(St|ST)\.(\s+[A-Z])?")
def _saint_or_street(match: Match[str]) -> str:
    """`St. Paul` is a saint, `Main St.` a street; between two names it is left alone."""
    before, after = match[1] or "", match[3] or ""
    is_name = bool(before) and re.fullmatch(_NO_STREET, before.strip(), re.IGNORECASE) is None
    if bool(after) == is_name:
        return match[0]
    return f"{before}{'street' if is_name else 'saint'} {after}"


@rule(r"\bN[oO]\.\s*(?=[0-9])|#(?=[0-9])")
def _number_sign(match: Match[str]) -> str:
    return "number "


@rule(rf"{_START}([0-9]{{4}})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])(?![0-9-])")
def _iso_date(match: Match[str]) -> str:
    if not is_year(match[1]) or match[3] == "00":
        return match[0]
    month = _MONTHS[int(match[2]) - 1]
    return f" {month} {ordinal(int(match[3]))} {year(match[1])} "


@rule(rf"\b({_MONTH})\s+{_DAY}(?:,?\s+{_YEAR})?")
def _month_first(match: Match[str]) -> str:
    return f" {_month(match[1])} {ordinal(int(match[2]))} {year(match[3]) if match[3] else ''} "


@rule(rf"(?:\b[Tt]he\s+)?{_START}{_DAY}\s+(?:of\s+)?({_MONTH})(?![\w'])(?:,?\s+{_YEAR})?")
def _day_first(match: Match[str]) -> str:
    day = f"the {ordinal(int(match[1]))} of {_month(match[2])}"
    return f" {day} {year(match[3]) if match[3] else ''} "


def _month(name: str) -> str:
    start = name.lower()[:3]
    return next(month for month in _MONTHS if month.startswith(start))


@rule(
    r"(?<![0-9:.])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9:])(?:\s?([ap])\.?m\b\.?)?",
    re.IGNORECASE,
)
def _time(match: Match[str]) -> str:
    hour, half = int(match[1]), f" {match[3]} m" if match[3] else ""
    if match[2] != "00":
        return f" {cardinal(hour)} {two_digits(match[2])}{half} "
    if half:
        return f" {cardinal(hour)}{half} "
    on_the_hour = "o'clock" if 1 <= hour <= 12 else "hundred"
    return f" {cardinal(hour)} {on_the_hour} "


@rule(rf"{_START}(1[0-2]|0?[1-9])\s?([ap])\.?m\b\.?", re.IGNORECASE)
def _hour(match: Match[str]) -> str:
    return f" {cardinal(int(match[1]))} {match[2]} m "


@rule(rf"(?:US)?([$£€¥])\s?({NUMBER}){_END}{_SCALE}", re.IGNORECASE)
def _money(match: Match[str]) -> str:
    one, many, small_one, small_many = _CURRENCIES[match[1]]
    amount, scale = match[2], match[3] or _SCALES.get((match[4] or "").lower())
    if scale:
        return f" {number(amount)} {scale.lower()} {many} "
    whole, _, decimals = amount.replace(",", "").partition(".")
    if len(decimals) != 2 or not small_one:
        return f" {number(amount)} {one if amount == '1' else many} "
    parts = []
    if int(whole or 0) or not int(decimals):
        parts.append(f"{number(whole or '0')} {one if whole == '1' else many}")
    if int(decimals):
        parts.append(f"{cardinal(int(decimals))} {small_one if decimals == '01' else small_many}")
    return f" {' and '.join(parts)} "


@rule(r"(?<=[0-9%])\s?–\s?(?=[0-9])|(?<=[0-9])-(?=[0-9.,]+\s?%)|(?<=%)-(?=[0-9])")
def _range(match: Match[str]) -> str:
    return " to "


@rule(r"\+?(?<![0-9-])(?:[0-9]{1,3}[- ])?(?:\(?[0-9]{3}\)?[- ])?[0-9]{3}-[0-9]{4}(?![0-9-])")
def _phone(match: Match[str]) -> str:
    plus = " plus " if match[0].startswith("+") else " "
    return f"{plus}{digits(re.sub('[^0-9]', '', match[0]))} "


@rule(rf"(?:{_START}([0-9]+)[ -])?{_START}({_FRACTION})(?![0-9/])")
def _fraction(match: Match[str]) -> str:
    words = _FRACTIONS[match[2]]
    if match[1] is None:
        return f" {words} "
    words = re.sub("^one half", "a half", words)
    return f" {number(match[1])} and {words} "


@rule(r"(?<![0-9A-Za-z])[-−](?=[.]?[0-9])")
def _minus(match: Match[str]) -> str:
    return " minus "


@rule(rf"{_START}({NUMBER}){_END}\s?(?:%|percent\b)")
def _percent(match: Match[str]) -> str:
    return f" {number(match[1])} percent "


@rule(rf"{_START}({NUMBER}){_END}[\s-]?({_UNIT})(?![\w/^'])")
def _unit(match: Match[str]) -> str:
    words = _UNITS[match[2]]
    if match[1] != "1" and not words.endswith("hertz"):
        first, _, rest = words.partition(" per ")
        noun, _, scale = first.partition(" ") if first.startswith("degree") else (first, "", "")
        noun = "feet" if noun == "foot" else f"{noun}s"
        words = f"{noun} {scale}".strip() + (f" per {rest}" if rest else "")
    return f" {number(match[1])} {words} "


@rule(r"(?<![0-9A-Za-z.,])([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})(?:st|nd|rd|th)\b", re.IGNORECASE)
def _ordinal(match: Match[str]) -> str:
    return f" {ordinal(int(match[1].replace(',', '')))} "


@rule(r"'?(?<![0-9A-Za-z.,])((?:1[1-9]|20)?[0-9]0)'?s\b")
def _decade(match: Match[str]) -> str:
    text = match[1]
    if text == "00" or text == "0":
        return match[0]
    return f" {plural(year(text) if is_year(text) else number(text))} "


@rule(r"(?<=[0-9])\s*([+=×])\s*(?=[0-9])")
def _operator(match: Match[str]) -> str:
    return {"+": " plus ", "=": " equals ", "×": " times "}[match[1]]


@rule(NUMBER)
def _number(match: Match[str]) -> str:
    return f" {year(match[0]) if is_year(match[0]) else number(match[0])} "


@rule(r"\b(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?")
def _letters(match: Match[str]) -> str:
    return f" {match[0].replace('.', ' ')} "


@rule(r"[&@%°]")
def _symbol(match: Match[str]) -> str:
    return {"&": " and ", "@": " at ", "%": " percent ", "°": " degrees "}[match[0]]


_RULES: list[Rule] = [
    _mister, _title, _saint_or_street, _abbreviation, _number_sign, _iso_date, _month_first,
    _day_first, _time, _hour, _money, _phone, _range, _fraction, _minus, _percent, _decade,
    _unit, _ordinal, _operator, _number, _letters, _symbol,
]  # fmt: skip
