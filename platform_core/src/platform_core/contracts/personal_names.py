"""Which names of columns speak of a person: policies ask for the tag, inference sets it.

A name is split into words at underscores, at capitals and digits, and where words are written together.
``birth_count`` counts and ``phone_model`` is a kind of thing, so the last word may take it back. The type may
too: no time of day is somebody's address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

PEOPLE: Final = frozenset(
    {"manager", "supervisor", "contact", "customer", "client", "patient", "employee", "author"}
    | {"cashier", "driver", "owner", "member", "user", "guest", "student", "teacher", "doctor", "agent"}
    | {"person", "cust", "recipient", "applicant", "candidate", "passenger", "beneficiary", "child"}
)
_WHOSE: Final = (
    PEOPLE
    | {"home", "work", "private", "personal", "billing", "shipping", "delivery", "postal", "mailing"}
    | {"remote", "primary", "secondary", "current", "previous", "emergency", "staff", "my", "their"}
    | {"no", "number"}
)
_NAME, _MAIL, _PHONE = "the name", "an e-mail address", "a phone number"
_ADDRESS, _IP, _OFFICIAL, _ACCOUNT = "an address", "an IP address", "an official number", "an account"
_BIRTH, _TRAIT, _PAY, _SECRET = "a birth date", "a trait", "the pay", "a password"

_ANYWHERE: Final[Mapping[str, str]] = {
    word: kind
    for kind, words in {
        _NAME: "firstname fname forename lastname lname surname middlename fullname givenname familyname "
        "maidenname namefirst namelast nickname username screenname personname displayname nextofkin "
        "spouse emergencycontact " + " ".join(f"{who}name nameof{who}" for who in PEOPLE),
        _MAIL: "email mailaddress mailaddr",
        _PHONE: "phone telephone mobilenumber mobileno mobilephone cellphone cellnumber fax telno telnumber "
        "msisdn",
        _ADDRESS: "street streetaddress homeaddress postaladdress billingaddress shippingaddress addressline "
        "mailingaddress housenumber houseno zipcode postcode postalcode distancefromhome homeaddr "
        "streetaddr",
        _IP: "ipaddress ipaddr macaddress macaddr imei",
        _OFFICIAL: "ssn socialsecurity socialsecno sinnumber nationalid nino passport taxid taxnumber "
        "driverlicense driverslicense drivinglicense driverlicence drivinglicence licenseplate numberplate "
        "taxpayerid identitycard idcardnumber nationalinsurance",
        _ACCOUNT: "iban creditcard debitcard cardnumber cardno ccnumber bankaccount accountholder cvv",
        _BIRTH: "birth birthday birthdate birthyear dateofbirth yearofbirth placeofbirth birthplace "
        "bday dob yob",
        _TRAIT: "gender sex maritalstatus nationality citizenship ethnicity religion disability diagnosis "
        "bloodtype bloodgroup medication sexualorientation pregnancy pregnant ethnicorigin allergies bmi",
        _PAY: "salary wage payslip basepay",
        _SECRET: "password passwd pwd passphrase",
    }.items()
    for word in words.split()
}
"""Words, or several without what is between them, that speak of a person wherever they stand. Money alone
(``income``, ``revenue``) does not, nor does a number that stands for somebody (``household_id``): that is
pseudonymous, by its tag."""
_ALONE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("age", "race"), _TRAIT),
    **dict.fromkeys(("address", "addr", "zip", "mail"), _ADDRESS),
    **dict.fromkeys(("mobile", "cell", "tel"), _PHONE),
    **dict.fromkeys(("signature", "initials"), _NAME),
    "ip": _IP,
}
"""Personal only alone, or beside whose it is: ``account_age`` is no one's."""
_ASIDE: Final = frozenset(
    {"count", "counts", "rate", "rates", "ratio", "share", "percent", "percentage", "pct", "total"}
    | {"totals", "sum", "average", "avg", "mean", "median", "cost", "costs", "revenue", "sales"}
    | {"budget", "quota", "version", "length", "size", "score", "index", "template", "campaign"}
    | {"provider", "model", "channel", "required", "verified", "valid", "enabled", "opened", "sent"}
    | {"clicked", "bounced", "confirmed", "subject", "rule", "policy", "label", "unit", "currency"}
    | {"format", "os", "opt", "gap", "sold", "cards", "lights", "width", "price", "app", "books"}
)
"""What is counted, measured or made with it, and speaks of nobody."""
_THINGS: Final = frozenset(
    {"store", "shop", "warehouse", "supplier", "vendor", "company", "branch", "site", "machine", "gift"}
    | {"socket", "device", "brand", "product"}
)
"""What has an address, a number or a gender of its own, where the word stands before it."""
_SORT: Final = frozenset({"type", "types", "kind", "flag", "category", "class", "status"})
"""Of a name, an address, a number or pay it says nothing; the sort of a trait is the trait."""
_FIRST: Final = frozenset(
    {"num", "n", "count", "counts", "avg", "average", "mean", "median", "total", "sum", "min", "max"}
    | {"minimum", "maximum"}
)
_YES_OR_NO: Final = frozenset({"has", "is"})
_OF_A_PERSON: Final = frozenset({_BIRTH, _TRAIT})
_FITS: Final[Mapping[str, frozenset[str]]] = {
    "boolean": frozenset({_TRAIT}),
    "date": frozenset({_BIRTH}),
    "timestamp": frozenset({_BIRTH}),
    "time": frozenset(),
    **dict.fromkeys(
        ("integer", "number"), frozenset({_TRAIT, _PAY, _BIRTH, _PHONE, _OFFICIAL, _ACCOUNT, _ADDRESS})
    ),
}
_FORMS: Final = {_MAIL: r"@", _PHONE: r"(\d\D*){5}", _IP: r"(\d+\.){3}|:"}
_TOGETHER: Final = sorted({*_ANYWHERE, *_ASIDE, *_SORT, *_WHOSE, *_ALONE, "name"}, key=len, reverse=True)


@lru_cache(maxsize=65536)
def looks_personal(name: str, logical_type: str | None = None) -> str | None:
    """What a column's name promises about a person (``a birth date``); None for any other name.

    ``logical_type`` is one of the standard's, where it is known.
    """
    words = _words(name)
    kind, after = _found(words)
    if kind is None or kind not in _FITS.get(logical_type or "", {kind}):
        return None
    if _ASIDE & {*after} or words[0] in _FIRST or words[:2] in (["number", "of"], ["no", "of"]):
        return None
    sort = _SORT & {*after[-1:]} or words[0] in _YES_OR_NO or words[-1] == "at"
    return None if sort and kind not in _OF_A_PERSON else kind


def contradicted(kind: str, values: Sequence[str]) -> bool:
    """Whether none of the values has the form of what a name promises (of an e-mail address, ...)."""
    form = _FORMS.get(kind)
    return form is not None and bool(values) and not any(re.search(form, value) for value in values)


def _found(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """What speaks of a person among the words, and the words after it."""
    for first in range(len(words)):
        for end in range(len(words), first, -1):
            kind = _ANYWHERE.get(_one("".join(words[first:end])))
            if kind is not None:
                of_thing = kind != _NAME and _THINGS & {*words[:first][-1:]}
                return None if of_thing else kind, words[end:]
    alone = [word for word in words if word not in _WHOSE]
    return (_ALONE.get(_one(alone[0])), ()) if len(alone) == 1 else (None, ())


def _words(name: str) -> list[str]:
    apart = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    found: list[str] = []
    for word in (each.lower() for each in apart):
        known = _one(word) in _ANYWHERE or word in _TOGETHER
        parts = [] if known else re.findall("|".join(_TOGETHER), word)
        found += parts if parts and "".join(parts) == word else [word]
    return found or [name]


def _one(word: str) -> str:
    """A word without its plural, where that is a word that is known."""
    singular = (word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word))
    return next((each for each in singular if each in _ANYWHERE or each in _ALONE), word)
