"""Uses the web console as people do, in Debian's Chromium, and says what it saw.

    console SCENARIO [NAME=VALUE ...]
    console screenshots DIRECTORY [NAME=VALUE ...]

The console's address is in CONSOLE_URL, the key to sign in with in CONSOLE_KEY. Exits with 1, and says why, when
something is not as it should be. Python's standard library and the program `chromium` are all that it needs.
"""

import sys
import tempfile

import pages
import scenarios
from browser import Browser
from common import URL, Wrong, say

SCENARIOS = {
    function.__name__.replace("_", "-"): function
    for function in (
        scenarios.sign_in, scenarios.now, scenarios.story, scenarios.add_network, scenarios.remove_network,
        scenarios.end_call, scenarios.revoked, scenarios.viewer, pages.pages, pages.screenshots)
}


def main():
    name, *rest = sys.argv[1:] or [""]
    if name not in SCENARIOS:
        sys.exit(f"console SCENARIO [NAME=VALUE ...]; there are: {', '.join(SCENARIOS)}")
    arguments = {}
    if name == "screenshots":
        directory, *rest = rest
        arguments["directory"] = directory
    arguments.update(argument.split("=", 1) for argument in rest)
    with tempfile.TemporaryDirectory(prefix="console-", ignore_cleanup_errors=True) as directory:
        try:
            browser = Browser(directory)
            try:
                allowed = SCENARIOS[name](browser, arguments) or []
                # The question whether a session is there, asked before signing in.
                browser.check_log([*allowed, f"status of 401 (Unauthorized) {URL}/v1/session"])
            finally:
                browser.close()
        except Wrong as wrong:
            sys.exit(f"{name}: {wrong}")
    say(f"{name}: as it should be")


if __name__ == "__main__":
    main()
