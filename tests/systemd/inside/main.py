"""Runs in the booted system: every check, in this order.

usage: main.py [--recipes] [WORD...]

  --recipes  the jobs that the documents describe, in place of the others
  WORD       those only whose names contain one of the words
"""
import importlib
import sys

import checks
import daemon

# The first one looks at the system before anything is installed.
MODULES = ["package", "start", "sockets", "secrets", "hardening", "transfer",
           "upgrade", "removal"]


def after(journal, good):
    if not good:
        lines = [line for line in journal.text().splitlines()
                 if "reason=client-closed" not in line]
        print("".join(f"    {line}\n" for line in lines[-30:]), end="")
    daemon.tidy()


words = sys.argv[1:]
recipes = words[:1] == ["--recipes"]
for name in ["recipes"] if recipes else MODULES:
    importlib.import_module(f"check_{name}")
failed = checks.run_all(words[recipes:], daemon.Journal, after)
print("all were run", flush=True)
sys.exit(failed > 0)
