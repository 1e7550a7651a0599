"""What the commands do, as functions for programs and notebooks: docs/api.md."""

from tfgrec.quiet import quieten_frameworks

quieten_frameworks()
