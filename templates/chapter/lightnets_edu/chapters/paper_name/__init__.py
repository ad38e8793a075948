"""Chapter CHAPTER, PaperName."""

WIDGETS = ("paper_name_explorer",)
