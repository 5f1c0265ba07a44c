"""The currencies of ISO 4217 that shops price in, with their names and symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Currency(NamedTuple):
    """A currency. Where it has no symbol of its own, its code stands for it."""

    code: str
    name: str
    symbol: str


_LISTED: Final = """
AED United Arab Emirates dirham|د.إ
AFN Afghan afghani|؋
ALL Albanian lek|L
AMD Armenian dram|֏
AOA Angolan kwanza|Kz
ARS Argentine peso|$
AUD Australian dollar|$
AWG Aruban florin|ƒ
AZN Azerbaijani manat|₼
BAM Bosnia and Herzegovina convertible mark|KM
BBD Barbadian dollar|$
BDT Bangladeshi taka|৳
BHD Bahraini dinar|.د.ب
BIF Burundian franc|Fr
BMD Bermudian dollar|$
BND Brunei dollar|$
BOB Bolivian boliviano|Bs.
BRL Brazilian real|R$
BSD Bahamian dollar|$
BTN Bhutanese ngultrum|Nu.
BWP Botswana pula|P
BYN Belarusian ruble|Br
BZD Belize dollar|$
CAD Canadian dollar|$
CDF Congolese franc|Fr
CHF Swiss franc|CHF
CLP Chilean peso|$
CNY Chinese yuan|¥
COP Colombian peso|$
CRC Costa Rican colón|₡
CUP Cuban peso|$
CVE Cape Verdean escudo|$
CZK Czech koruna|Kč
DJF Djiboutian franc|Fr
DKK Danish krone|kr.
DOP Dominican peso|RD$
DZD Algerian dinar|د.ج
EGP Egyptian pound|E£
ERN Eritrean nakfa|Nfk
ETB Ethiopian birr|Br
EUR Euro|€
FJD Fijian dollar|$
FKP Falkland Islands pound|£
GBP Pound sterling|£
GEL Georgian lari|₾
GHS Ghana cedi|₵
GIP Gibraltar pound|£
GMD Gambian dalasi|D
GNF Guinean franc|Fr
GTQ Guatemalan quetzal|Q
GYD Guyanese dollar|$
HKD Hong Kong dollar|$
HNL Honduran lempira|L
HTG Haitian gourde|G
HUF Hungarian forint|Ft
IDR Indonesian rupiah|Rp
ILS Israeli new shekel|₪
INR Indian rupee|₹
IQD Iraqi dinar|د.ع
IRR Iranian rial|﷼
ISK Icelandic króna|kr.
JMD Jamaican dollar|$
JOD Jordanian dinar|د.ا
JPY Japanese yen|¥
KES Kenyan shilling|KSh
KGS Kyrgyzstani som|сом
KHR Cambodian riel|៛
KMF Comorian franc|Fr
KPW North Korean won|₩
KRW South Korean won|₩
KWD Kuwaiti dinar|د.ك
KYD Cayman Islands dollar|$
KZT Kazakhstani tenge|₸
LAK Lao kip|₭
LBP Lebanese pound|ل.ل
LKR Sri Lankan rupee|Rs
LRD Liberian dollar|$
LSL Lesotho loti|L
LYD Libyan dinar|ل.د
MAD Moroccan dirham|د.م.
MDL Moldovan leu|L
MGA Malagasy ariary|Ar
MKD Macedonian denar|ден
MMK Burmese kyat|Ks
MNT Mongolian tögrög|₮
MOP Macanese pataca|P
MRU Mauritanian ouguiya|UM
MUR Mauritian rupee|₨
MVR Maldivian rufiyaa|.ރ
MWK Malawian kwacha|MK
MXN Mexican peso|$
MYR Malaysian ringgit|RM
MZN Mozambican metical|MT
NAD Namibian dollar|N$
NGN Nigerian naira|₦
NIO Nicaraguan córdoba|C$
NOK Norwegian krone|kr
NPR Nepalese rupee|₨
NZD New Zealand dollar|$
OMR Omani rial|ر.ع.
PAB Panamanian balboa|B/.
PEN Peruvian sol|S/
PGK Papua New Guinean kina|K
PHP Philippine peso|₱
PKR Pakistani rupee|₨
PLN Polish złoty|zł
PYG Paraguayan guaraní|₲
QAR Qatari riyal|ر.ق
RON Romanian leu|lei
RSD Serbian dinar|дин.
RUB Russian ruble|₽
RWF Rwandan franc|Fr
SAR Saudi riyal|ر.س
SBD Solomon Islands dollar|$
SCR Seychellois rupee|₨
SDG Sudanese pound|ج.س.
SEK Swedish krona|kr
SGD Singapore dollar|$
SHP Saint Helena pound|£
SLE Sierra Leonean leone|Le
SOS Somali shilling|Sh
SRD Surinamese dollar|$
SSP South Sudanese pound|£
STN São Tomé and Príncipe dobra|Db
SYP Syrian pound|ل.س
SZL Swazi lilangeni|E
THB Thai baht|฿
TJS Tajikistani somoni|ЅМ
TMT Turkmenistan manat|m
TND Tunisian dinar|د.ت
TOP Tongan paʻanga|T$
TRY Turkish lira|₺
TTD Trinidad and Tobago dollar|$
TWD New Taiwan dollar|NT$
TZS Tanzanian shilling|Sh
UAH Ukrainian hryvnia|₴
UGX Ugandan shilling|UGX
USD United States (US) dollar|$
UYU Uruguayan peso|$
UZS Uzbekistani som|сўм
VES Venezuelan bolívar|Bs.
VND Vietnamese đồng|₫
VUV Vanuatu vatu|Vt
WST Samoan tālā|T
XAF Central African CFA franc|CFA
XCD East Caribbean dollar|$
XOF West African CFA franc|CFA
XPF CFP franc|XPF
YER Yemeni rial|﷼
ZAR South African rand|R
ZMW Zambian kwacha|ZK
"""


def _read(line: str) -> Currency:
    name, _, symbol = line[4:].partition("|")
    return Currency(line[:3], name, symbol)


CURRENCIES: Final[Mapping[str, Currency]] = {line[:3]: _read(line) for line in _LISTED.strip().splitlines()}
