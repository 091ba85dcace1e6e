"""What `mesh explain` says of codes that are no policies', beyond their family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explained:
    title: str
    why: str
    fix: str


EXPLAINED: Final[dict[str, Explained]] = {
    "C140": Explained(
        "One version of a contract says two things",
        "Other repositories resolve a product from the registry. Where this tree and the registry have the "
        "same version with different content, its readers and its makers hold it to different promises.",
        "Raise the version and register it (`mesh register`), or take the registered contract back.",
    ),
    "C141": Explained(
        "A newer version of the contract was registered than is here",
        "Somebody registered from a newer checkout: what this one publishes would break its readers.",
        "Update the checkout. Versions do not go back.",
    ),
    "C142": Explained(
        "A contract breaks its readers and does not say so",
        "A column, key, type, grant or grid that readers of the registered version count on is gone. A new "
        "major version says so (before 1.0 a minor one); columns and grants that are added need none.",
        "Raise the version as the message says, after a time in which the old product was deprecated; or "
        "take the change back.",
    ),
    "C143": Explained(
        "A registered foreign key would point to nothing",
        "A contract of another domain refers to a column that this change takes away. Its check could not be "
        "run any more, whatever the version says.",
        "Agree with the owner of that contract first: it is named with the place of the reference.",
    ),
    "C144": Explained(
        "A registered contract is gone here, and was not retired",
        "Its readers would find out by a run that fails. A product goes step by step: deprecated, retired, "
        "removed.",
        "Bring the contract back with status: retired and register that; the next registration removes it.",
    ),
    "Q040": Explained(
        "A version takes away what others read",
        "A column that a location of this mesh reads is gone or has another type, while the contract has the "
        "major version (before 1.0 the minor one) of the published one. Readers keep what was published.",
        "Bring the column back, or raise the version as the message says once its readers do without.",
    ),
    "U080": Explained(
        "A location describes itself in a format of another major version",
        "Locations may run on another version of platform_core than the mesh's own environment. Within a "
        "major version of the document's format what is unknown is passed over; another cannot be read.",
        "Upgrade the mesh's own environment first, then the locations, one minor version at a time.",
    ),
    "U081": Explained(
        "The worker of a location speaks another protocol",
        "As U080, for `mesh run`: the messages between the command and the location's worker.",
        "Upgrade the mesh's own environment first, then the locations, one minor version at a time.",
    ),
    "U082": Explained(
        "MESH_REGISTRY names no folder",
        "The contracts of domains in other repositories are resolved from it.",
        "Correct it, or make the registry's first entry: mesh register DOMAIN --to FOLDER.",
    ),
    "U083": Explained(
        "There is nothing to register here",
        "A domain's contracts are registered from the repository that it lives in.",
        "Change to that repository.",
    ),
    "U084": Explained(
        "The registry cannot be written",
        "Nothing was registered.",
        "Name a folder that this user may write, by --to or MESH_REGISTRY.",
    ),
    "U085": Explained(
        "Something of platform_core is deprecated",
        "It works until the version that the message names, at least two minor versions after it was "
        "announced.",
        "Write what the message says. `docs/platform.md` has the policy.",
    ),
    "U086": Explained(
        "A product of another repository cannot be run here",
        "Of a product that only the registry has, this repository knows the contract and reads the lake.",
        "Run it in its own repository.",
    ),
    "U087": Explained(
        "No registry is named",
        "`mesh register` publishes contracts to a folder.",
        "mesh register --to FOLDER, or set MESH_REGISTRY.",
    ),
    "U088": Explained(
        "The public face of platform_core breaks",
        "The face is held against platform_core/public_face.json, the one that was released last: a name, "
        "parameter or attribute that domains may use is gone or is another.",
        "Raise the version and say in the changelog what to write instead; or keep it and announce its end.",
    ),
    "U089": Explained(
        "The changelog says nothing of the version",
        "A version of platform_core has a section in its changelog, where those who upgrade look first.",
        "Write the section.",
    ),
    "A020": Explained(
        "The webserver refuses a request",
        "A page of another site can make a browser send requests to this machine, and a stranger's name can "
        "lead to it. So each request names this server in Host, comes from a page of its own if from a page, "
        "and changes things by POST with JSON alone. Reports of what no run made are off.",
        "Use the address that `mesh serve` tells. A program sends JSON to /graphql, and no Origin.",
    ),
    "C110": Explained(
        "A stream does not say when its rows happened",
        "Batches arrive late and out of order. How recent a stream is, and what belongs to a day, is told by "
        "the rows' own time and not by the time of their arrival.",
        "Name a required column of type date or timestamp: {property: eventTime, value: <column>}.",
    ),
    "C113": Explained(
        "A rule about a whole stream is an error",
        "What an error-level rule refuses is never read. Batches are published one by one, so each must "
        "be refused by itself, and a rule about all rows cannot say which batch broke it.",
        "Give the rule scope: batch, or let it warn.",
    ),
    "C023": Explained(
        "A contract has another suffix than contracts have",
        "A product is found by the name of its contract's file: <product>.odcs.yaml, or .odcs.yml.",
        "Rename the file as the message says.",
    ),
    "D008": Explained(
        "A source is taken for what it is not",
        "A .parquet, .csv or .json file is a Table. Of any other, the function gets the Path.",
        "Correct the annotation, or the name of the file.",
    ),
    "D009": Explained(
        "A window is asked for where there is none",
        "A run covers a window, and reads a file by it, where a product has partitions and a file has rows.",
        "Declare partitions in the contract, or take `window` or `time_column` out.",
    ),
    "D029": Explained(
        "A product is left out of its location",
        "A contract that it needs cannot be read. The other products of the location are there.",
        "Mend the contract that the message names, or have its owner do so.",
    ),
    "D033": Explained(
        "The environment of a domain has no dbt",
        "The domain has a dbt project, and its interpreter cannot run it.",
        'Name "platform-core[dbt]" in the pyproject.toml of the domain; then `make lock setup`.',
    ),
    "D050": Explained(
        "Changes are read by what is no stream",
        "Who reads only new rows has to keep what it made of the old ones. A table is made anew by each run, "
        "and would hold what was made of the last rows only.",
        "Make the reader a stream, or let it read the whole product.",
    ),
    "D051": Explained(
        "Changes are read of what is no stream",
        "Rows of a table, a file or a model are replaced by each run, so none of them is new or old.",
        "Read the whole product, or ask its owner to make it a stream.",
    ),
    "D053": Explained(
        "A stream's function gave something that is no batch",
        "The id of a batch is what tells a delivery that is new from one that comes again.",
        "Yield Batch(id, rows). The id names the delivery for good: a day, a file, an offset.",
    ),
    "D056": Explained(
        "The rows of a batch cannot be made",
        "A batch is refused by itself: its file cannot be read, or what makes its rows fails. The others are "
        "published, the run fails at its end and names each, and the next run tries them again.",
        "Deliver the batch anew, or mend what makes its rows. A batch of another id never waits for it.",
    ),
    "L040": Explained(
        "A batch came again with other rows",
        "What was published under a batch's id was read by others and is not replaced. The same rows under "
        "the same id are skipped, so a delivery may be repeated; other rows are either a mistake of the "
        "sender, or the function that makes them has changed.",
        "Deliver a correction as a batch with an id of its own.",
    ),
    "L042": Explained(
        "What a reader of changes has not read yet was expired",
        "Which rows are new follows from the versions that the lake keeps. One of them was expired before "
        "this reader had read it.",
        "Run readers of changes more often than versions are expired; then let this one read all again.",
    ),
    "L043": Explained(
        "Rows that a reader of changes has read are no longer the same",
        "The stream was made anew, or rows of it were changed or deleted by hand. What the reader made of "
        "them cannot be put right row by row.",
        "Restore the stream, or let the reader read all again.",
    ),
    "S010": Explained(
        "A batch in an inbox is half-written",
        "Its sender has not finished, or broke off. A part of it would be published under its id, and the "
        "whole of it refused.",
        "Write under another name and rename it into the inbox. The file is taken when it is whole: a "
        "CSV without a last newline, when it has not changed for a minute.",
    ),
    "S013": Explained(
        "A file in the folder of an inbox is matched by no pattern",
        "It is never read, so its rows would be missing without a word: a name in capitals, a folder more.",
        "Widen the pattern of the source, or move the file away. It is told of once, not at every run.",
    ),
}
