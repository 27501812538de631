"""Settings of this process, before anything imports torch."""

import os

# Idle threads on few cores would otherwise spin away a third of the time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
