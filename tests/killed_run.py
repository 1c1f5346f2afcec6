"""A run in a process of its own that can be killed: `python killed_run.py FOLDER [seconds]`.

With `seconds`, the process kills itself (SIGKILL) after that time, wherever it is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from realmix.config import Config
from realmix.experiment import Silent
from realmix.run import fit
from realmix.train import Trainer

CONFIG = Config("digits@20", steps=6, fields={"batch_size": 4})


def run(folder: Path, seconds: float | None = None) -> None:
    """Fit with a checkpoint after every step."""
    defaults = Trainer.__init__.__kwdefaults__
    defaults["save_seconds"] = 0.0
    if seconds is not None:

        def strike() -> None:
            time.sleep(seconds)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=strike, daemon=True).start()
    fit(CONFIG, folder, Silent())


if __name__ == "__main__":
    run(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None)
