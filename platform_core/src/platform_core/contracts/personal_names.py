"""Column names that look personal: policies require the tag for them, inference sets it.

A name is split into words at underscores, at capitals and digits, and where words are written together.
The last word may make a name harmless: ``birth_count`` counts, ``phone_model`` is a thing. So may the type:
a time of day is never an address.
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
"""Words, joined where they are several, that are personal anywhere in a name. Money alone (``income``,
``revenue``) is not; a number that identifies a person (``household_id``) is pseudonymous, by its tag."""
_ALONE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("age", "race"), _TRAIT),
    **dict.fromkeys(("address", "addr", "zip", "mail"), _ADDRESS),
    **dict.fromkeys(("mobile", "cell", "tel"), _PHONE),
    **dict.fromkeys(("signature", "initials"), _NAME),
    "ip": _IP,
}
"""Personal only alone or after a word of ``_WHOSE``: ``account_age`` is not personal."""
_ASIDE: Final = frozenset(
    {"count", "counts", "rate", "rates", "ratio", "share", "percent", "percentage", "pct", "total"}
    | {"totals", "sum", "average", "avg", "mean", "median", "cost", "costs", "revenue", "sales"}
    | {"budget", "quota", "version", "length", "size", "score", "index", "template", "campaign"}
    | {"provider", "model", "channel", "required", "verified", "valid", "enabled", "opened", "sent"}
    | {"clicked", "bounced", "confirmed", "subject", "rule", "policy", "label", "unit", "currency"}
    | {"format", "os", "opt", "gap", "sold", "cards", "lights", "width", "price", "app", "books"}
)
"""Words for counts, measures and things, which make a name harmless."""
_THINGS: Final = frozenset(
    {"store", "shop", "warehouse", "supplier", "vendor", "company", "branch", "site", "machine", "gift"}
    | {"socket", "device", "brand", "product"}
)
"""Things with an address, a number or a gender of their own: ``store_address``."""
_SORT: Final = frozenset({"type", "types", "kind", "flag", "category", "class", "status"})
"""The kind of a name, an address, a number or pay is harmless; the kind of a trait is the trait."""
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
    """The personal content that a column's name suggests (``a birth date``); None for any other name.

    ``logical_type`` is one of the standard's, or None.
    """
    words = _words(name)
    kind, after = _kind_in(words)
    if kind is None or kind not in _FITS.get(logical_type or "", {kind}):
        return None
    if _ASIDE & {*after} or words[0] in _FIRST or words[:2] in (["number", "of"], ["no", "of"]):
        return None
    sort = _SORT & {*after[-1:]} or words[0] in _YES_OR_NO or words[-1] == "at"
    return None if sort and kind not in _OF_A_PERSON else kind


def contradicted(kind: str, values: Sequence[str]) -> bool:
    """Whether no value has the form that the kind of content requires, such as that of an e-mail address."""
    form = _FORMS.get(kind)
    return form is not None and bool(values) and not any(re.search(form, value) for value in values)


def _kind_in(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The personal content that the words suggest, and the words after it."""
    for first in range(len(words)):
        for end in range(len(words), first, -1):
            kind = _ANYWHERE.get(_singular("".join(words[first:end])))
            if kind is not None:
                of_thing = kind != _NAME and _THINGS & {*words[:first][-1:]}
                return None if of_thing else kind, words[end:]
    alone = [word for word in words if word not in _WHOSE]
    return (_ALONE.get(_singular(alone[0])), ()) if len(alone) == 1 else (None, ())


def _words(name: str) -> list[str]:
    apart = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    found: list[str] = []
    for word in (each.lower() for each in apart):
        known = _singular(word) in _ANYWHERE or word in _TOGETHER
        parts = [] if known else re.findall("|".join(_TOGETHER), word)
        found += parts if parts and "".join(parts) == word else [word]
    return found or [name]


def _singular(word: str) -> str:
    forms = (word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word))
    return next((each for each in forms if each in _ANYWHERE or each in _ALONE), word)
