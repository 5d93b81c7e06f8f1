"""Which money is paid in which country, so that one paid elsewhere can be told.

Countries by their English and French names, with their currencies of ISO 4217; where one has changed since
2010, with both. Two letters do not name a country: they are a language or a state as often.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

EVERYWHERE = frozenset({"USD", "EUR"})
"""Paid by advertisers of all countries, so that nothing follows from where."""

_COUNTRIES = """
AED: United Arab Emirates/Émirats arabes unis
AFN: Afghanistan
ALL: Albania/Albanie
AMD: Armenia/Arménie
AOA: Angola
ARS: Argentina/Argentine
AUD: Australia/Australie, Kiribati, Nauru, Tuvalu
AZN: Azerbaijan/Azerbaïdjan
BAM: Bosnia and Herzegovina/Bosnie-Herzégovine
BBD: Barbados/Barbade
BDT: Bangladesh
BGN EUR: Bulgaria/Bulgarie
BHD: Bahrain/Bahreïn
BIF: Burundi
BND: Brunei
BOB: Bolivia/Bolivie
BRL: Brazil/Brésil
BSD: Bahamas
BTN INR: Bhutan/Bhoutan
BWP: Botswana
BYN BYR: Belarus/Biélorussie/Bélarus
BZD: Belize
CAD: Canada
CDF: Democratic Republic of the Congo/République démocratique du Congo
CHF: Switzerland/Suisse, Liechtenstein
CLP: Chile/Chili
CNY: China/Chine
COP: Colombia/Colombie
CRC: Costa Rica
CUP: Cuba
CVE: Cape Verde/Cap-Vert
CZK: Czech Republic/Czechia/République tchèque/Tchéquie
DJF: Djibouti
DKK: Denmark/Danemark, Greenland/Groenland
DOP: Dominican Republic/République dominicaine
DZD: Algeria/Algérie
EGP: Egypt/Égypte
ERN: Eritrea/Érythrée
ETB: Ethiopia/Éthiopie
EUR: Andorra/Andorre, Austria/Autriche, Belgium/Belgique, Cyprus/Chypre, Germany/Allemagne, Spain/Espagne
EUR: Finland/Finlande, France, French Guiana/Guyane, Guadeloupe, Greece/Grèce, Ireland/Irlande
EUR: Italy/Italie, Luxembourg, Monaco, Montenegro/Monténégro, Martinique, Malta/Malte
EUR: Netherlands/Pays-Bas, Portugal, Réunion/La Réunion, Slovenia/Slovénie, Slovakia/Slovaquie
EUR: San Marino/Saint-Marin, Kosovo, Mayotte
EUR EEK: Estonia/Estonie
EUR HRK: Croatia/Croatie
EUR LTL: Lithuania/Lituanie
EUR LVL: Latvia/Lettonie
FJD: Fiji/Fidji
GBP: United Kingdom/Great Britain/England/Scotland/Wales/Northern Ireland/Royaume-Uni/Grande-Bretagne
GBP: Angleterre/Écosse/Pays de Galles/Irlande du Nord, Isle of Man/Île de Man
GEL: Géorgie
GHS: Ghana
GMD: Gambia/Gambie
GNF: Guinea/Guinée
GTQ: Guatemala
GYD: Guyana
HKD: Hong Kong
HNL: Honduras
HTG: Haiti/Haïti
HUF: Hungary/Hongrie
IDR: Indonesia/Indonésie
ILS: Israel/Israël, Palestine
INR: India/Inde
IQD: Iraq/Irak
IRR: Iran
ISK: Iceland/Islande
JMD: Jamaica/Jamaïque
JOD: Jordanie
JPY: Japan/Japon
KES: Kenya
KGS: Kyrgyzstan/Kirghizistan
KHR: Cambodia/Cambodge
KMF: Comoros/Comores
KPW: North Korea/Corée du Nord
KRW: South Korea/Corée du Sud
KWD: Kuwait/Koweït
KZT: Kazakhstan
LAK: Laos
LBP: Lebanon/Liban
LKR: Sri Lanka
LRD: Liberia/Libéria
LSL ZAR: Lesotho
LYD: Libya/Libye
MAD: Morocco/Maroc
MDL: Moldova/Moldavie
MGA: Madagascar
MKD: Macedonia/North Macedonia/Macédoine/Macédoine du Nord
MMK: Myanmar/Burma/Birmanie
MNT: Mongolia/Mongolie
MOP: Macau/Macao
MRO MRU: Mauritania/Mauritanie
MUR: Mauritius
MVR: Maldives
MWK: Malawi
MXN: Mexico/Mexique
MYR: Malaysia/Malaisie
MZN: Mozambique
NAD ZAR: Namibia/Namibie
NGN: Nigeria/Nigéria
NIO: Nicaragua
NOK: Norway/Norvège
NPR: Nepal/Népal
NZD: New Zealand/Nouvelle-Zélande
OMR: Oman
PEN: Peru/Pérou
PGK: Papua New Guinea/Papouasie-Nouvelle-Guinée
PHP: Philippines
PKR: Pakistan
PLN: Poland/Pologne
PYG: Paraguay
QAR: Qatar
RON: Romania/Roumanie
RSD: Serbia/Serbie
RUB: Russia/Russian Federation/Russie/Fédération de Russie
RWF: Rwanda
SAR: Saudi Arabia/Arabie saoudite
SBD: Solomon Islands/Îles Salomon
SCR: Seychelles
SDG: Sudan/Soudan
SEK: Sweden/Suède
SGD: Singapore/Singapour
SLL SLE: Sierra Leone
SOS: Somalia/Somalie
SRD: Suriname
SSP: South Sudan/Soudan du Sud
SYP: Syria/Syrie
SZL ZAR: Swaziland/Eswatini
THB: Thailand/Thaïlande
TJS: Tajikistan/Tadjikistan
TMT: Turkmenistan/Turkménistan
TND: Tunisia/Tunisie
TOP: Tonga
TRY: Turkey/Türkiye/Turquie
TTD: Trinidad and Tobago/Trinité-et-Tobago
TWD: Taiwan/Taïwan
TZS: Tanzania/Tanzanie
UAH: Ukraine
UGX: Uganda/Ouganda
USD: United States/United States of America/États-Unis, Ecuador/Équateur, Puerto Rico/Porto Rico
USD PAB: Panama
USD SVC: El Salvador/Salvador
UYU: Uruguay
UZS: Uzbekistan/Ouzbékistan
VEF VES VED: Venezuela
VND: Vietnam/Viêt Nam
XAF: Central African Republic/République centrafricaine, Congo, Cameroon/Cameroun, Gabon
XAF: Equatorial Guinea/Guinée équatoriale, Tchad
XCD: Antigua and Barbuda/Antigua-et-Barbuda, Dominica, Grenada, Saint Lucia/Sainte-Lucie
XOF: Burkina Faso, Benin/Bénin, Ivory Coast/Côte d'Ivoire, Guinea-Bissau/Guinée-Bissau, Mali, Niger
XOF: Senegal/Sénégal, Togo
XPF: New Caledonia/Nouvelle-Calédonie, French Polynesia/Polynésie française
YER: Yemen/Yémen
ZAR: South Africa/Afrique du Sud
ZMW ZMK: Zambia/Zambie
ZWL: Zimbabwe
"""
"""Left out are names that are as often another's: a person's, or a state's of another country."""


def _read() -> dict[str, frozenset[str]]:
    money: dict[str, frozenset[str]] = {}
    for line in _COUNTRIES.strip().splitlines():
        currencies, _, countries = line.partition(": ")
        for name in re.split(", |/", countries.casefold()):
            money[name] = frozenset(currencies.split())
    return money


_HOME = _read()


def home_currencies(names: Iterable[str]) -> frozenset[str]:
    """What is paid in the countries among these names, case-folded; nothing where none is a country's.

    >>> sorted(home_currencies(["bakers", "germany", "royaume-uni"])), home_currencies(["springfield"])
    (['EUR', 'GBP'], frozenset())
    """
    found = (_HOME.get(name, frozenset()) for name in names)
    return frozenset[str]().union(*found)
