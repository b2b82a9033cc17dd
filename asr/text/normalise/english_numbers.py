"""Numbers in English words, American style: no `and`, no hyphens."""

from __future__ import annotations

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = [(10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand")]
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_FIRST_YEAR, _LAST_YEAR = 1100, 2099
_MOST_DIGITS = 15


def cardinal(number: int) -> str:
    """Read 0 <= number < 10**15: 1234 is `one thousand two hundred thirty four`."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        ten, rest = divmod(number, 10)
        return _TENS[ten] + (f" {_ONES[rest]}" if rest else "")
    for scale, name in [*_SCALES, (100, "hundred")]:
        if number >= scale:
            count, rest = divmod(number, scale)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError("every number of 100 or more has a scale")


def ordinal(number: int) -> str:
    """Read 21 as `twenty first`."""
    return ordinal_of(cardinal(number))


def ordinal_of(words: str) -> str:
    """Turn the last word of a cardinal into its ordinal."""
    before, space, last = words.rpartition(" ")
    if last in _ORDINALS:
        return before + space + _ORDINALS[last]
    return before + space + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def plural(words: str) -> str:
    """Turn the last word into its plural: `sixties`, `sixes`, `hundreds`."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("x") else f"{words}s"


def digits(text: str) -> str:
    """Read digit by digit."""
    return " ".join(_ONES[int(digit)] for digit in text)


def two_digits(text: str) -> str:
    """Read the last two digits of a year or the minutes of a time: `oh five`, `fifteen`."""
    return f"oh {_ONES[int(text[1])]}" if text[0] == "0" else cardinal(int(text))


def is_year(text: str) -> bool:
    """Whether four digits, standing alone, are read as a year is: 1100 to 2099."""
    return len(text) == 4 and text.isdecimal() and _FIRST_YEAR <= int(text) <= _LAST_YEAR


def year(text: str) -> str:
    """Read the four digits of a year: `nineteen oh five`, `two thousand eight`."""
    century, rest = text[:2], text[2:]
    if century == "20" and rest[0] == "0":
        return cardinal(int(text))
    if rest == "00":
        return f"{cardinal(int(century))} hundred"
    return f"{cardinal(int(century))} {two_digits(rest)}"


def number(text: str) -> str:
    """Read digits with or without thousands' commas and a decimal point.

    A number with a leading zero (`007`) or too long to have a name is read digit by digit.
    """
    whole, point, decimals = text.replace(",", "").partition(".")
    if not whole:
        words = ""
    elif (whole[0] == "0" and len(whole) > 1) or len(whole) > _MOST_DIGITS:
        words = digits(whole)
    else:
        words = cardinal(int(whole))
    return f"{words} point {digits(decimals)}".strip() if point else words
