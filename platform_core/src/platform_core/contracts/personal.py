"""Words in the names of columns that speak of a person: policies ask for the tag, inference sets it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

PERSONAL_WORDS: Final[dict[str, str]] = {
    # who
    "first_name": "a name", "last_name": "a name", "middle_name": "a name", "full_name": "a name",
    "given_name": "a name", "family_name": "a name", "maiden_name": "a name", "surname": "a name",
    "customer_name": "a name", "employee_name": "a name", "person_name": "a name", "user_name": "a name",
    "username": "a name", "contact_name": "a name", "signature": "a name",
    # how to reach them
    "email": "an address", "e_mail": "an address", "mail_address": "an address", "phone": "a number",
    "telephone": "a number", "mobile_number": "a number", "fax": "a number", "street": "an address",
    "street_address": "an address", "home_address": "an address", "postal_address": "an address",
    "billing_address": "an address", "shipping_address": "an address", "ip_address": "an address",
    "mac_address": "an address", "distance_from_home": "an address",
    # official numbers
    "ssn": "an official number", "social_security": "an official number", "passport": "an official number",
    "tax_id": "an official number", "national_id": "an official number", "iban": "an account",
    "driver_license": "an official number", "drivers_license": "an official number",
    "credit_card": "an account", "card_number": "an account", "bank_account": "an account",
    # what the law protects, or an employment contract
    "birth": "a birth date", "birthday": "a birth date", "birthdate": "a birth date", "dob": "a birth date",
    "gender": "a trait", "sex": "a trait", "marital_status": "a trait", "nationality": "a trait",
    "ethnicity": "a trait", "religion": "a trait", "disability": "a trait", "diagnosis": "a trait",
    "salary": "pay", "wage": "pay",
}  # fmt: skip
"""Words in a column's name, whole ones between underscores, that speak of a person. Money alone
(``income``, ``revenue``) does not, nor does a number that stands for somebody (``household_id``): that is
pseudonymous, by its tag."""
_WHOLE: Final = {"age": "a trait", "name_of_customer": "a name", "address": "an address"}
"""Personal only where they are the whole name: ``account_age`` is no one's."""


@lru_cache(maxsize=65536)
def looks_personal(name: str) -> str | None:
    """What a column's name promises about a person (``a birth date``); None for any other name."""
    word = name.lower()
    if word in _WHOLE:
        return _WHOLE[word]
    padded = f"_{word}_"
    return next((kind for said, kind in PERSONAL_WORDS.items() if f"_{said}_" in padded), None)
