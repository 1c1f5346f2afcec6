"""What a result was made with."""

from __future__ import annotations

import importlib.metadata
import platform

RECORDED = ("realmix", "torch", "numpy", "scikit-learn", "scipy", "pillow")


def versions() -> dict[str, str]:
    """Of Python and the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"  # realmix itself, run from its source
    return found
