"""English text as it is spoken, against pairs written out by hand."""

from __future__ import annotations

import pytest

from asr.text.normalise import TextNormaliser
from asr.text.normalise import english_numbers as numbers

english = TextNormaliser("english")

CARDINALS = {
    0: "zero", 7: "seven", 10: "ten", 13: "thirteen", 20: "twenty", 21: "twenty one",
    40: "forty", 99: "ninety nine", 100: "one hundred", 101: "one hundred one",
    342: "three hundred forty two", 1000: "one thousand", 1001: "one thousand one",
    2200: "two thousand two hundred", 10_000: "ten thousand",
    65_536: "sixty five thousand five hundred thirty six", 1_000_000: "one million",
    1_000_001: "one million one", 2_000_300_000: "two billion three hundred thousand",
    5 * 10**12: "five trillion",
    123_456_789: "one hundred twenty three million four hundred fifty six thousand seven hundred "
    "eighty nine",
}  # fmt: skip
ORDINALS = {
    0: "zeroth", 1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 8: "eighth",
    9: "ninth", 11: "eleventh", 12: "twelfth", 13: "thirteenth", 20: "twentieth",
    30: "thirtieth", 21: "twenty first", 42: "forty second", 99: "ninety ninth",
    100: "one hundredth", 101: "one hundred first", 1000: "one thousandth",
}  # fmt: skip
YEARS = {
    "1100": "eleven hundred", "1492": "fourteen ninety two", "1776": "seventeen seventy six",
    "1800": "eighteen hundred", "1905": "nineteen oh five", "1910": "nineteen ten",
    "1999": "nineteen ninety nine", "2000": "two thousand", "2001": "two thousand one",
    "2009": "two thousand nine", "2010": "twenty ten", "2019": "twenty nineteen",
    "2099": "twenty ninety nine",
}  # fmt: skip


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinals(number, words):
    assert numbers.cardinal(number) == words
    assert english(f"{number:,}") == words


@pytest.mark.parametrize(("number", "words"), ORDINALS.items())
def test_ordinals(number, words):
    assert numbers.ordinal(number) == words
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in (11, 12, 13) else 0)
    assert english(f"the {number}{suffix or 'th'} day") == f"the {words} day"


@pytest.mark.parametrize(("year", "words"), YEARS.items())
def test_years(year, words):
    assert english(f"In {year}.") == f"in {words}"


def test_every_number_up_to_a_hundred_thousand_reads_differently():
    words = [numbers.cardinal(n) for n in range(100_000)]
    assert len(set(words)) == len(words)


CASES = [
    # money
    ("$1", "one dollar"),
    ("$1.00", "one dollar"),
    ("$0.01", "one cent"),
    ("$1,234.56", "one thousand two hundred thirty four dollars and fifty six cents"),
    ("£2.01", "two pounds and one penny"),
    ("£0.50", "fifty pence"),
    ("€20", "twenty euros"),
    ("¥500", "five hundred yen"),
    ("US$3bn", "three billion dollars"),
    ("$2 million deal", "two million dollars deal"),
    ("$2.5", "two point five dollars"),
    ("it cost $5.", "it cost five dollars"),
    # times
    ("at 12:00", "at twelve o'clock"),
    ("at 17:00", "at seventeen hundred"),
    ("at 17:45", "at seventeen forty five"),
    ("8:05 AM", "eight oh five a m"),
    ("9 a.m. sharp", "nine a m sharp"),
    ("9pm", "nine p m"),
    ("I am 5", "i am five"),
    # dates
    ("July 4th, 1776", "july fourth seventeen seventy six"),
    ("on Dec. 25", "on december twenty fifth"),
    ("the 5th of November", "the fifth of november"),
    ("1 Jan 2000", "the first of january two thousand"),
    ("JUNE 6, 1944", "june sixth nineteen forty four"),
    ("they may 5 times", "they may five times"),
    ("May 2020", "may twenty twenty"),
    ("2020-13-01", "twenty twenty thirteen zero one"),
    # percentages, ranges, signs
    ("0.5%", "zero point five percent"),
    ("5–10%", "five to ten percent"),
    ("50%-60%", "fifty percent to sixty percent"),
    ("5-year-old", "five year old"),
    ("F-16 and 3D", "f sixteen and three d"),
    ("1990–1995", "nineteen ninety to nineteen ninety five"),
    ("3-4", "three four"),
    ("-0.5", "minus zero point five"),
    ("1 + 1 = 2", "one plus one equals two"),
    ("100%", "one hundred percent"),
    # fractions
    ("1/2", "one half"),
    ("2 1/2 cups", "two and a half cups"),
    ("3/4 and ⅓", "three quarters and one third"),
    ("24/7", "twenty four seven"),
    # units
    ("5km", "five kilometers"),
    ("1 m", "one meter"),
    ("1.5 m", "one point five meters"),
    ("10 m/s", "ten meters per second"),
    ("5 km²", "five square kilometers"),
    ("20 °C", "twenty degrees celsius"),
    ("90°", "ninety degrees"),
    ("2.4 GHz", "two point four gigahertz"),
    ("70 mph", "seventy miles per hour"),
    ("1 ft or 3 ft", "one foot or three feet"),
    ("1500 km", "one thousand five hundred kilometers"),
    ("5 men", "five men"),
    ("the 5G network", "the five g network"),
    # strings of digits
    ("(800) 555-1234", "eight zero zero five five five one two three four"),
    ("+1 202-555-0147", "plus one two zero two five five five zero one four seven"),
    ("007", "zero zero seven"),
    ("12345678901234567", "one two three four five six seven eight nine zero one two three four "
     "five six seven"),
    ("version 1.2.3", "version one point two point three"),
    # decades
    ("the 1900s", "the nineteen hundreds"),
    ("the 2000s", "the two thousands"),
    ("in the 90s", "in the nineties"),
    # abbreviations
    ("Mr Smith", "mister smith"),
    ("MR. SMITH", "mister smith"),
    ("Prof. Who", "professor who"),
    ("prof. of law", "prof of law"),
    ("St. Louis", "saint louis"),
    ("In St. Louis", "in saint louis"),
    ("on Wall St.", "on wall street"),
    ("Wall St. Journal", "wall st journal"),
    ("U.S.A.", "u s a"),
    ("a.k.a. Bob", "a k a bob"),
    ("R&B", "r and b"),
    ("I said no. 5 came.", "i said no five came"),
    # words
    ("don’t", "don't"),
    ("rock 'n' roll", "rock n roll"),
    ("the dogs' tails", "the dogs tails"),
    ("O’Brien’s", "o'brien's"),
    ("wait—what…", "wait what"),
    ("ﬁne", "fine"),
    ("snake_case", "snake case"),
    ("ÉCOLE", "école"),
    ("", ""),
    ("?!", ""),
]  # fmt: skip


@pytest.mark.parametrize(("written", "spoken"), CASES)
def test_written_and_spoken(written, spoken):
    assert english(written) == spoken


@pytest.mark.parametrize(
    ("accented", "folded"),
    [
        ("Zoë's façade", "zoe's facade"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Ελλάς", "ελλάς"),
    ],
)
def test_accents_fold_in_latin_letters_only(accented, folded):
    assert TextNormaliser("english-folded")(accented) == folded
    assert english(accented) == accented.lower()
