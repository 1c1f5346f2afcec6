"""`python -m realmix` and `torchrun -m realmix`."""

import sys

from realmix.command.main import main

sys.exit(main())
