"""One line that says what long work is doing, and for how many seconds.

``python lightnets_edu/progress.py TEXT COMMAND …`` runs a command so: its output is shown only if it fails. It needs
nothing but Python, for it is there before anything is installed.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

EVERY = 15.0  # seconds between two lines where no line can move
MOST_LETTERS = 70  # of what a command says
KEPT = 400  # lines of a command's output that are shown if it fails


class Progress:
    """What is being done, and for how long, on one line of standard error.

    On a terminal the line moves: it is rewritten every second. Elsewhere (a log, or the variable LIGHTNETS_PROGRESS is
    ``lines``) a new line is written when there is something new to say, every 15 seconds at most.

    Args:
        text: What is being done, such as ``"Installing"``.
        stream: Where to write.
    """

    def __init__(self, text: str, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.moves = self.stream.isatty() and os.environ.get("LIGHTNETS_PROGRESS") != "lines"
        self.text, self.detail = text, ""
        self.end = "done"  # the last detail, unless an exception ends the work
        self.started = time.monotonic()
        self._written = ("", float("-inf"))  # the last line's words and when it was written
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ticking = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        """Begin to show the line."""
        self._ticking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Say how long it took, or where it ended."""
        self._over.set()
        self._ticking.join()
        if kind is None:
            self.detail = self.end
        self._write(last=True)

    def say(self, detail: str) -> None:
        """What part of it is being done now, such as ``"chapter 5 of 16"``."""
        with self._lock:
            self.detail = detail

    def write_out(self, text: str) -> None:
        """Write text that stays, above the line."""
        with self._lock:
            self.stream.write(("\r\033[K" if self.moves else "") + text)

    @property
    def seconds(self) -> int:
        """Whole seconds since it began."""
        return int(time.monotonic() - self.started)

    def _tick(self) -> None:
        while True:
            self._write()
            if self._over.wait(1.0):
                return

    def _write(self, last: bool = False) -> None:
        with self._lock:
            words = f"{self.text}: {self.detail}" if self.detail else self.text
        now = time.monotonic()
        if self.moves:
            width = shutil.get_terminal_size().columns - 1
            line = f"{words[: width - 8]}, {self.seconds} s"
            self.stream.write(f"\r\033[K{line}" + ("\n" if last else ""))
        elif last or (words != self._written[0] and now - self._written[1] >= EVERY):
            self.stream.write(f"{words}, {self.seconds} s\n")
            self._written = (words, now)
        self.stream.flush()


def run(
    command: list[str],
    progress: Progress,
    detail: Callable[[str], str | None],
    *,
    log: str | os.PathLike = os.devnull,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a command and show on a progress line how far it is.

    Args:
        command: The program and its arguments.
        progress: The line.
        detail: From a line of output to what the progress line says; None if nothing new.
        log: A file for all of the output.
        env: The command's environment variables (None: those of this process).

    Returns:
        The exit status. If it is not 0, the last of its output has been written to the progress line's stream.
    """
    kept: deque[str] = deque(maxlen=KEPT)
    with (
        open(log, "w", encoding="utf-8", buffering=1) as everything,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env) as process,
    ):
        assert process.stdout is not None
        for line in io.TextIOWrapper(process.stdout, encoding="utf-8", errors="replace"):
            everything.write(line)
            kept.append(line)
            if found := detail(line.strip()):
                progress.say(found)
    if process.returncode:
        progress.write_out("".join(kept))
    return process.returncode


def _own_words(line: str) -> str | None:
    """What a command says itself, but for its warnings, and cut where a list of packages begins to fill the screen."""
    return None if line.startswith(("WARNING", "[notice]", "DEPRECATION")) else line[:MOST_LETTERS]


def main(arguments: list[str]) -> int:
    """Run a command: the text first, then the command's words."""
    if len(arguments) < 2:
        print('usage: python progress.py "What is being done" COMMAND [ARGUMENT ...]', file=sys.stderr)
        return 2
    text, *command = arguments
    with Progress(text) as progress:
        status = run(command, progress, _own_words)
        progress.end = "failed" if status else "done"
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
