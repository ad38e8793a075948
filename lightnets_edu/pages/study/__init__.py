"""How is a study shown? The claim, the paper's evidence, every run as a dot, the verdict, and how it was recorded."""

from lightnets_edu.pages.study.shown import ShownStudy, VerdictError, expect_verdict, quick_study, show_study

__all__ = ["ShownStudy", "VerdictError", "expect_verdict", "quick_study", "show_study"]
