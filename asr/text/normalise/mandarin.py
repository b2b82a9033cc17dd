"""Mandarin as it is read aloud: numbers in characters, no punctuation, Latin words in capitals.

Simplified and traditional characters stay as they are, erhua too. docs/text.md shows each rule by
an example.
"""

from __future__ import annotations

import re
from re import Match

from asr.text.normalise.characters import drop_punctuation, unify
from asr.text.normalise.mandarin_numbers import cardinal, digits, number
from asr.text.normalise.rules import Rule, apply_rules, rule
from asr.text.scripts import space_scripts

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)"
_ALONE = r"(?<![0-9A-Za-z.])"  # before a number that is no part of another or of a word
_YEAR = r"(?:1[1-9][0-9]{2}|20[0-9]{2})"

# What is counted with 两, not 二.
_MEASURES = (
    "个|個|只|隻|条|條|张|張|本|件|块|塊|种|種|次|名|辆|輛|座|台|家|位|岁|歲|天|年(?!级|級)|周|小时|小時|分钟|"
    "分鐘|点|點|倍|米|公里|千米|厘米|公斤|千克|斤|吨|噸|元|美元|欧元|万|萬|亿|億|千|人|层|層|篇|首|"
    "套|份|场|場|遍|顿|頓|杯|瓶|盒|棵|朵|间|間|所|支|枝|颗|顆|句|段|组|組|对|對|双|雙|口|匹|头|頭"
)
_UNITS = {
    "km/h": "公里每小时", "m/s": "米每秒", "km^2": "平方公里", "m^2": "平方米", "m^3": "立方米",
    "km": "公里", "cm": "厘米", "mm": "毫米", "m": "米", "kg": "公斤", "g": "克", "mg": "毫克",
    "ml": "毫升", "mL": "毫升", "L": "升", "l": "升", "h": "小时", "min": "分钟", "s": "秒",
    "Hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹", "W": "瓦", "kW": "千瓦",
    "V": "伏", "°C": "摄氏度", "°F": "华氏度", "°": "度",
}  # fmt: skip
UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_CURRENCIES = {"¥": "元", "$": "美元", "US$": "美元", "€": "欧元", "£": "英镑"}
_OPERATORS = {"+": "加", "=": "等于", "×": "乘", "÷": "除以"}


def normalise_mandarin(text: str) -> str:
    """Write Mandarin text as it is read aloud, spaces by `asr.text.scripts.space_scripts`."""
    return space_scripts(drop_punctuation(apply_rules(unify(text), _RULES).upper()))


@rule(rf"(?<![0-9])({_YEAR})([-/.])(0?[1-9]|1[0-2])\2(3[01]|[12][0-9]|0?[1-9])(?![0-9])")
def _date(match: Match[str]) -> str:
    return f"{digits(match[1])}年{cardinal(int(match[3]))}月{cardinal(int(match[4]))}日"


@rule(rf"(?<![0-9.])({_YEAR}|0[0-9])\s?(?:[-–~]\s?({_YEAR})\s?)?(?=年)")
def _year(match: Match[str]) -> str:
    return digits(match[1]) + (f"到{digits(match[2])}" if match[2] else "")


@rule(r"(?<![0-9.])([0-9]0|[89]5)(?=后|後)")
def _generation(match: Match[str]) -> str:
    """`90后`, those born in the nineties, is read digit by digit."""
    return digits(match[1])


@rule(r"(?<![0-9])0([1-9])(?=[月日号號])")
def _padded_day(match: Match[str]) -> str:
    return cardinal(int(match[1]))


@rule(
    r"(?<=:[0-5][0-9])\s?[-–~]\s?(?=[0-9]{1,2}:[0-5][0-9](?![0-9:]))|(?<=[%°C])\s?[-–~]\s?(?=[0-9])"
)
def _to(match: Match[str]) -> str:
    """Between two times, two percentages or two temperatures."""
    return "到"


@rule(r"(?<![0-9:以])(?<!比分)([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?![0-9:])")
def _time(match: Match[str]) -> str:
    hour = "两" if int(match[1]) == 2 else cardinal(int(match[1]))
    minutes = "" if match[2] == "00" and not match[3] else f"{_two_digits(match[2])}分"
    return f"{hour}点{minutes}" + (f"{_two_digits(match[3])}秒" if match[3] else "")


def _two_digits(text: str) -> str:
    return digits(text) if text[0] == "0" and text != "00" else cardinal(int(text))


@rule(
    r"(?<![0-9A-Za-z.])(?:\+?86[- ]?)?1[3-9][0-9](?:[- ]?[0-9]{4}){2}(?![0-9.])"
    r"|(?<![0-9A-Za-z.])0[0-9]{2,3}-[0-9]{7,8}(?![0-9.])"
    r"|(?<![0-9A-Za-z.])[48]00-[0-9]{3}-?[0-9]{4}(?![0-9.])"
)
def _phone(match: Match[str]) -> str:
    return digits(re.sub("[^0-9]", "", match[0]), one="幺")


@rule(rf"{_ALONE}(-?)({_NUMBER})(?:\s?[-–~]\s?({_NUMBER}))?\s?([%‰])")
def _percent(match: Match[str]) -> str:
    sign, of = "负" if match[1] else "", "百分之" if match[4] == "%" else "千分之"
    upper = f"到{of}{number(match[3])}" if match[3] else ""
    return f"{sign}{of}{number(match[2])}{upper}"


@rule(rf"(US\$|[¥$€£])\s?({_NUMBER})\s?([万亿萬億]?)")
def _money(match: Match[str]) -> str:
    amount = "两" if match[2] == "2" else number(match[2])
    return f"{amount}{match[3]}{_CURRENCIES[match[1]]}"


@rule(r"(?<![0-9A-Za-z./])([1-9][0-9]*)/([1-9][0-9]*)(?![0-9A-Za-z./])")
def _fraction(match: Match[str]) -> str:
    return f"{cardinal(int(match[2]))}分之{cardinal(int(match[1]))}"


@rule(r"(?<![0-9:])([0-9]+):([0-9]+)(?![0-9:])")
def _ratio(match: Match[str]) -> str:
    return f"{number(match[1])}比{number(match[2])}"


@rule(rf"{_ALONE}(-?)({_NUMBER})\s?[-–~]\s?(?={_NUMBER}(?!\s?[-–~]))")
def _range(match: Match[str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    counts = re.match(rf"{_NUMBER}\s?(?:{_MEASURES})", after) and not before.endswith("第")
    first = "两" if match[2] == "2" and counts else number(match[2])
    return f"{'负' if match[1] else ''}{first}到"


@rule(rf"{_ALONE}(-?)({_NUMBER})\s?({UNIT})(?![A-Za-z/^])")
def _unit(match: Match[str]) -> str:
    unit = _UNITS[match[3]]
    sign = "" if not match[1] else "零下" if unit.endswith("度") else "负"
    is_two = match[2] == "2" and not unit.endswith("度")
    return f"{sign}{'两' if is_two else number(match[2])}{unit}"


@rule(rf"(?<![0-9A-Za-z.第星期-])2(?=\s?(?:{_MEASURES}))")
def _two(match: Match[str]) -> str:
    return "两"


@rule(r"(?<=[0-9])\s*([+=×÷])\s*(?=-?[0-9])")
def _operator(match: Match[str]) -> str:
    return _OPERATORS[match[1]]


@rule(r"(?<![0-9A-Za-z])-(?=[0-9])")
def _minus(match: Match[str]) -> str:
    return "负"


@rule(r"(?<=[A-Za-z])-?([0-9]{3,})(?![0-9.])")
def _model_number(match: Match[str]) -> str:
    """`K1037` is read digit by digit, `A4` and `G20` as numbers."""
    return f" {digits(match[1])}"


@rule(_NUMBER)
def _number(match: Match[str]) -> str:
    return number(match[0])


_RULES: list[Rule] = [
    _date, _year, _generation, _padded_day, _to, _time, _phone, _percent, _money, _fraction, _ratio,
    _range, _unit, _two, _operator, _minus, _model_number, _number,
]  # fmt: skip
