"""How is it shown? Widgets, ledgers, plots and equations, and the Sphinx extension of the built pages."""

from lightnets_edu.pages.equations import show
from lightnets_edu.pages.exercise import check, exercise
from lightnets_edu.pages.ledger import Ledger, LedgerError
from lightnets_edu.pages.provenance import provenance
from lightnets_edu.pages.source import show_source
from lightnets_edu.pages.widget.widgets import get_widget, list_widgets

__all__ = [
    "Ledger",
    "LedgerError",
    "check",
    "exercise",
    "get_widget",
    "list_widgets",
    "provenance",
    "show",
    "show_source",
]
