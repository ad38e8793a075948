"""Chapter CHAPTER's study: FILL IN, which claim of the paper it tests.

Declare it before anything runs; ``recording/studies/declaration.py`` says what each field is for, and
``chapters/senet/study.py`` is a whole one:

STUDY = Study(
    name="paper_name",
    claim="...",  # the paper's claim in its own meaning
    source="...",  # where the paper makes it
    evidence=(Evidence(...),),  # what the paper measured
    variants=(Variant("with", "networks with ...", ...), Variant("without", "networks without ...", ...)),
    comparisons=(Comparison("with", "without", by=...),),  # by: the smallest difference that would matter
    held_equal=(HeldEqual("macs", ("with", "without"), tolerance=...),),  # what makes it a fair one
)
"""
