"""Mandarin text as it is read aloud, against pairs written out by hand."""

from __future__ import annotations

import random

import pytest

from asr.text.normalise import TextNormaliser
from asr.text.normalise import mandarin_numbers as numbers

mandarin = TextNormaliser("mandarin")
mixed = TextNormaliser("mixed")

CARDINALS = {
    0: "零", 2: "二", 10: "十", 11: "十一", 19: "十九", 20: "二十", 99: "九十九", 100: "一百",
    101: "一百零一", 110: "一百一十", 111: "一百一十一", 200: "二百", 1000: "一千",
    1001: "一千零一",
    1010: "一千零一十", 1100: "一千一百", 2000: "两千", 2222: "两千二百二十二", 10_000: "一万",
    10_001: "一万零一", 10_010: "一万零一十", 10_500: "一万零五百", 12_000: "一万二千",
    20_000: "两万", 22_000: "两万二千", 100_000: "十万", 101_000: "十万一千", 100_010: "十万零一十",
    1_000_000: "一百万", 20_000_000: "两千万", 100_000_000: "一亿", 100_000_001: "一亿零一",
    100_010_000: "一亿零一万", 200_000_000: "两亿", 1_300_000_000: "十三亿",
    123_456_789_012: "一千二百三十四亿五千六百七十八万九千零一十二", 10**12: "一万亿",
}  # fmt: skip


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinals(number, words):
    assert numbers.cardinal(number) == words
    assert mandarin(str(number)) == words


def value(words: str) -> int:
    """Read a cardinal back, scale by scale."""
    for scale, name in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if name in words:
            high, low = words.rsplit(name, 1)
            return (value(high) if high.strip("零") else 1) * scale + value(low)
    digit = words.strip("零").replace("两", "二")
    return "零一二三四五六七八九".index(digit) if digit else 0


def test_cardinals_read_back_as_the_same_number():
    generator = random.Random(0)
    drawn = [generator.randrange(10 ** generator.randint(1, 16)) for _ in range(3000)]
    for number in [*range(12_000), *drawn]:
        words = numbers.cardinal(number)
        assert value(words) == number
        assert "零零" not in words
        assert number == 0 or not words.endswith("零")


CASES = [
    # dates and times
    ("2008年8月8日", "二零零八年八月八日"),
    ("2008/8/8", "二零零八年八月八日"),
    ("2008.08.08", "二零零八年八月八日"),
    ("1998年到2003年", "一九九八年到二零零三年"),
    ("08年05月", "零八年五月"),
    ("3年", "三年"),
    ("5000年历史", "五千年历史"),
    ("80年代", "八十年代"),
    ("20世纪90年代", "二十世纪九十年代"),
    ("00后", "零零后"),
    ("10月1号", "十月一号"),
    ("12:00", "十二点"),
    ("9:15:30", "九点十五分三十秒"),
    ("0:05", "零点零五分"),
    ("下午2点", "下午两点"),
    # percentages, decimals, fractions
    ("100%", "百分之一百"),
    ("0.5％", "百分之零点五"),
    ("-3.2%", "负百分之三点二"),
    ("5‰", "千分之五"),
    ("0.05", "零点零五"),
    ("1/2", "二分之一"),
    ("10.50元", "十点五零元"),
    # numbers with 万 and 亿, 两
    ("1.5亿", "一点五亿"),
    ("2万元", "两万元"),
    ("2000人", "两千人"),
    ("2小时", "两小时"),
    ("2楼2号", "二楼二号"),
    ("第2次", "第二次"),
    ("2月2日", "二月二日"),
    ("2.5米", "二点五米"),
    ("星期2", "星期二"),
    ("22个", "二十二个"),
    # telephone numbers and codes
    ("138-1234-5678", "幺三八幺二三四五六七八"),
    ("+86 13812345678", "八六幺三八幺二三四五六七八"),
    ("010-12345678", "零幺零幺二三四五六七八"),
    ("400-123-4567", "四零零幺二三四五六七"),
    ("房间0305", "房间零三零五"),
    ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
    # money and units
    ("￥3.5万", "三点五万元"),
    ("US$100", "一百美元"),
    ("€20", "二十欧元"),
    ("5㎡", "五平方米"),
    ("10 m/s", "十米每秒"),
    ("37.5℃", "三十七点五摄氏度"),
    ("45°", "四十五度"),
    ("500ml", "五百毫升"),
    # ranges and signs
    ("3~5个", "三到五个"),
    ("10-20人", "十到二十人"),
    ("2-3个", "两到三个"),
    ("1-2个", "一到两个"),
    ("第2-3名", "第二到三名"),
    ("3:00-5:30", "三点到五点三十分"),
    ("0.1%~0.5%", "百分之零点一到百分之零点五"),
    ("-10~5℃", "负十到五摄氏度"),
    ("-5℃~5℃", "零下五摄氏度到五摄氏度"),
    ("COVID-19疫情", "COVID 十九疫情"),
    ("约2/3的人", "约三分之二的人"),
    ("3、4个", "三四个"),
    ("1,000多万", "一千多万"),
    ("2年级", "二年级"),
    ("以21:15获胜", "以二十一比十五获胜"),
    ("比分98:95", "比分九十八比九十五"),
    ("2+3=5", "二加三等于五"),
    ("3×4", "三乘四"),
    # letters and digits
    ("A4纸", "A 四纸"),
    ("5G手机", "五 G 手机"),
    ("iphone15", "IPHONE 十五"),
    ("T110次", "T 一一零次"),
    # spaces, punctuation, scripts
    ("广州市 房地产 中介", "广州市房地产中介"),
    ("《红楼梦》，曹雪芹。", "红楼梦曹雪芹"),
    ("共１,２３４人", "共一千二百三十四人"),
    ("那玩意兒", "那玩意兒"),
    ("臺灣", "臺灣"),
    ("我们OK吗", "我们 OK 吗"),
    ("ok, it's good", "OK IT'S GOOD"),
    ("", ""),
    ("。。。", ""),
]


@pytest.mark.parametrize(("written", "read"), CASES)
def test_written_and_read(written, read):
    assert mandarin(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I have 3 dogs", "I HAVE THREE DOGS"),
        ("3 dogs", "THREE DOGS"),
        ("我有3只", "我有三只"),
        ("3", "三"),
        ("今天meeting在3点", "今天 MEETING 在三点"),
        ("we met in 2019, 对吧", "WE MET IN TWENTY NINETEEN 对吧"),
        ("对吧。3 dogs 在跑", "对吧 THREE DOGS 在跑"),
        ("meeting, 5点", "MEETING 五点"),
        ("我去了 New York 5 times 了", "我去了 NEW YORK FIVE TIMES 了"),
        ("重量是5kg", "重量是五公斤"),
        ("Mr. Li 说 don't", "MISTER LI 说 DON'T"),
        ("$5 coffee 很贵", "FIVE DOLLARS COFFEE 很贵"),
        ("很贵 $5", "很贵五美元"),
        ("café 很好", "CAFÉ 很好"),
    ],
)
def test_numbers_in_mixed_text_follow_their_neighbours(written, read):
    assert mixed(written) == read
