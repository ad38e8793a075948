"""The widgets of the chapters, one module a chapter or topic; every module here is found by `list_widgets`."""
