"""Chapter CHAPTER, PaperName."""
