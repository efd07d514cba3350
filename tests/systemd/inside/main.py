"""Runs in the booted system: every check, in this order.

usage: main.py [WORD...]     those only whose names contain one of the words
"""
import sys

# The first one looks at the system before anything is installed.
import check_package        # noqa: F401
import check_start          # noqa: F401
import check_sockets        # noqa: F401
import check_secrets        # noqa: F401
import check_hardening      # noqa: F401
import check_transfer       # noqa: F401
import check_upgrade        # noqa: F401
import check_removal        # noqa: F401
import checks
import daemon


def after(journal, good):
    if not good:
        lines = [line for line in journal.text("-u", "sallyport*").splitlines()
                 if "reason=client-closed" not in line]
        print("".join(f"    {line}\n" for line in lines[-30:]), end="")
    daemon.tidy()


failed = checks.run_all(sys.argv[1:], daemon.Journal, after)
print("all were run", flush=True)
sys.exit(failed > 0)
