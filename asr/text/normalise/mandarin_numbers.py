"""Numbers in Chinese characters, as they are read aloud."""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"
_PLACES = ["", "十", "百", "千"]
_SCALES = [(10**8, "亿", 10**7), (10**4, "万", 10**3)]
_MOST_DIGITS = 16


def cardinal(value: int) -> str:
    """Read 0 <= value < 10**16: 10500 is 一万零五百, 20000 两万, 200 二百, 12 十二."""
    text = _section(value) if value else _DIGITS[0]
    if text.startswith("一十"):
        return text[1:]
    if text[0] == "二" and text[1:2] in ("千", "万", "亿"):
        return "两" + text[1:]
    return text


def _section(value: int) -> str:
    """Read value > 0 in full: 10 is 一十, 2000 二千."""
    for scale, name, no_gap in _SCALES:
        high, low = divmod(value, scale)
        if high:
            rest = ("零" if low < no_gap else "") + _section(low) if low else ""
            return _section(high) + name + rest
    text = ""
    for position, digit in enumerate(reversed(str(value))):
        if digit != "0":
            text = _DIGITS[int(digit)] + _PLACES[position] + text
        elif text and text[0] != "零":
            text = "零" + text
    return text


def digits(text: str, one: str = "一") -> str:
    """Read digit by digit; `one` is 幺 in telephone numbers."""
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in text)


def number(text: str) -> str:
    """Read digits with or without thousands' commas and a decimal point.

    A number with a leading zero or of more than 16 digits is read digit by digit.
    """
    whole, point, decimals = text.replace(",", "").partition(".")
    if (whole[:1] == "0" and len(whole) > 1) or len(whole) > _MOST_DIGITS:
        words = digits(whole)
    else:
        words = cardinal(int(whole or 0))
    return f"{words}点{digits(decimals)}" if point else words
