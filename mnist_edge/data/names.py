"""The datasets that go by a name, and what each is."""

NAMES = {
    "mnist": "the four published files, verified; fetched where they are not on this machine",
    "synthetic": "60,000 and 10,000 digits that the package draws itself, always the same",
}
