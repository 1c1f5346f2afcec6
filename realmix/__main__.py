"""`python -m realmix` and `torchrun -m realmix`."""

import sys

from realmix.cli import main

sys.exit(main())
