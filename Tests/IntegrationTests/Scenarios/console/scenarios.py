"""What people do in the console: each function is a scenario."""

import json

from common import KEY, expect, say
from pages import PAGES


def sign_in(browser, arguments):
    """A wrong key is refused at its field, the right one opens the page that was asked for, and is kept nowhere."""
    browser.open("#/access/allowlist")
    browser.until("document.activeElement === one('.sign-in input')", "the field for the key has the focus")
    browser.key("Enter")
    browser.until("text('.sign-in .fault') === 'This is needed.'", "an empty key is told at the field")
    browser.sign_in("sp_00000000_wrong")
    browser.until("text('.sign-in .fault').includes('No such key')", "a wrong key is told at the field")
    expect(browser.js("one('.sign-in input').getAttribute('aria-invalid')") == "true", "the field is not marked")
    say("a wrong key: " + browser.js("text('.sign-in .fault')"))
    browser.sign_in()
    browser.settled()
    expect(browser.js("location.hash") == "#/access/allowlist", "another page was opened than the one asked for")
    say("signed in: " + browser.js("text('#who').replace('\\n', ', ')"))
    kept = browser.js(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href,"
        " document.body.outerHTML])")
    expect(KEY not in kept and "sallyport_session" not in kept, "the key or the session can be read by the page")
    browser.reload()
    browser.until("text('main h1') === 'Access'", "the session is still there after a reload")
    browser.click("Sign out")
    browser.until("one('.sign-in') && one('#rail').hidden", "signed out")
    browser.reload()
    browser.until("one('.sign-in input')", "the session is over after signing out")
    return ["status of 401"]


def now(browser, arguments):
    """What is up, what was refused by which layer, and an event that comes while it is looked at."""
    browser.enter()
    tile = "all('.tiles > div').find((it) => it.querySelector('dt').innerText.toLowerCase() === 'calls up')"
    calls = arguments["calls"]
    browser.until(f"{tile}?.querySelector('dd').innerText === '{calls}'", f"{calls} calls are up")
    say(f"calls up: {calls}")
    lane = "all('.lanes .lane-name').find((it) => it.firstChild?.textContent === NAME)"
    for name in ["Calls", *arguments["refusals"].split(",")]:
        number = browser.until(
            "(() => { const name = " + lane.replace("NAME", json.dumps(name)) + ";"
            " const number = Number(name?.nextElementSibling.nextElementSibling.innerText.replaceAll(',', ''));"
            " return number > 0 && name.nextElementSibling.querySelector('path').getAttribute('d') && number; })()",
            f"there are numbers and bars for {name}")
        say(f"{name}: {number}")
    source = arguments["source"]
    browser.until(
        f"all('#top-sources').length && all('.tabular th[scope=row] a').some((it) => it.innerText === '{source}')",
        f"{source} is among the top sources")
    browser.until("text('.stream') === 'Live'", "the events are live")
    awaited = arguments["awaited"]
    expect(not browser.js(f"text('.events').includes('{awaited}')"), f"{awaited} was there before it came")
    say("watching")
    browser.until(f"text('.events').includes('{awaited}')", f"an event of {awaited} comes by itself")
    times = browser.js("all('.events time').map((it) => it.dateTime)")
    expect(times == sorted(times, reverse=True), "the events are not in order")
    say(f"an event of {awaited} came")
    # The scrubber of the chart tells one minute's numbers, by keyboard.
    browser.js("one('.scrubber').focus()")
    browser.key("ArrowLeft")
    browser.until("one('.scrubber').getAttribute('aria-valuetext')?.includes('Calls ')", "the scrubber tells numbers")


def story(browser, arguments):
    """What each layer said to a call that was let in, and to one that was not."""
    browser.enter("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "seven layers are told")
    for line in browser.js("all('.layers li').map((it) => it.innerText.split('\\n').join(' '))"):
        say(f"layer {line}")
        expect("passed" in line or "does not apply" in line, f"let in by a layer that says: {line}")
    facts = browser.js("text('.facts')")
    for part in arguments["facts"].split(","):
        expect(part in facts, f"'{part}' is not told of the call:\n{facts}")
    kinds = browser.js("all('.timeline code').map((it) => it.innerText)")
    expect("POLICY_APPROVED" in kinds, f"the record that let it in is not in its story: {kinds}")
    say("records: " + " ".join(kinds))
    # The trace leads to its story, and the browser's back button to the call.
    browser.click(arguments["trace"])
    browser.until("text('main h1') === 'Story of a trace'", "the trace has a story")
    browser.js("history.back()")
    browser.until("all('.layers li').length === 7", "back at the call")
    browser.go(f"#/witness/trace/{arguments['refused']}")
    verdicts = browser.until(
        "(() => { const list = all('.timeline .layers').at(-1);"
        " return list && [...list.children].map((it) => it.innerText.split('\\n').join(' ')); })()",
        "a refusal tells its layers")
    for line in verdicts:
        say(f"refused: layer {line}")
    place = int(arguments["layer"])
    expect(all("let by" in line for line in verdicts[:place - 1]), f"layers before it are told otherwise: {verdicts}")
    expect("refused" in verdicts[place - 1], f"layer {place} has not refused: {verdicts}")
    expect(all("not reached" in line for line in verdicts[place:]), f"layers behind it were reached: {verdicts}")


def add_network(browser, arguments):
    """A network that is none is told at its field; then one is allowed."""
    browser.enter("#/access/allowlist")
    browser.click("Allow a network")
    browser.until("document.activeElement.name === 'cidr'", "the dialog's first field has the focus")
    browser.write("cidr", "nonsense")
    browser.write("tag", arguments["tag"])
    browser.click("Allow")
    fault = browser.until("text('dialog [name=cidr] ~ .fault')", "the server's complaint stands at its field")
    say(f"told at the field: {fault}")
    browser.write("cidr", arguments["cidr"])
    browser.click("Allow")
    browser.until("!one('dialog')", "the dialog is closed")
    browser.until(f"text('main table').includes('{arguments['cidr']}')", "the network is listed")
    browser.until("text('#notices').includes('allowed')", "what was done is told")
    expect(arguments["tag"] in browser.js("text('main table')"), "its tag is not shown as it was written")
    expect(not browser.js("one('main b')"), "markup in a tag was taken for markup")
    say(f"allowed: {arguments['cidr']}")
    return ["status of 400"]


def remove_network(browser, arguments):
    """Asks, does nothing when it is not confirmed, and removes what is confirmed."""
    cidr = arguments["cidr"]
    browser.enter("#/access/allowlist")
    browser.click(f"Remove {cidr}")
    browser.until("one('dialog[open]')", "it is asked for")
    browser.key("Escape")
    browser.until("!one('dialog')", "the dialog is closed by Escape")
    expect(browser.js(f"document.activeElement.getAttribute('aria-label') === 'Remove {cidr}'"),
           "the focus is not where it was before the dialog")
    expect(cidr in browser.js("text('main table')"), "it was removed without having been confirmed")
    browser.click(f"Remove {cidr}")
    browser.click("Remove")
    browser.until(f"!one('dialog') && !text('main').includes('{cidr}')", "the network is not listed any more")
    say(f"removed: {cidr}")


def end_call(browser, arguments):
    """Ends a call that is up."""
    browser.enter("#/calls")
    browser.click(arguments["call"])
    browser.click("End call…")
    browser.until("text('dialog').includes('hung up on')", "it is asked whether to")
    browser.click("End call")
    browser.until("!one('dialog') && text('main .head').includes('ended')", "the call is over")
    browser.until("text('.facts').includes('by an operator')", "who ended it is told")
    expect(not browser.js("control('End call…')"), "what is over can be ended again")
    browser.go("#/calls")
    browser.until(f"!text('main').includes('{arguments['call']}')", "it is not among the calls that are up")
    say("ended")


def revoked(browser, arguments):
    """A key that is revoked while somebody is signed in with it."""
    browser.enter()
    say("signed in")
    reason = browser.until("text('.sign-in .reason')", "the key is asked for again, with a reason")
    expect("revoked" in reason, f"another reason: {reason}")
    expect(browser.js("one('#rail').hidden"), "the menu is still there")
    say(f"signed out: {reason}")
    return ["status of 401"]


def viewer(browser, arguments):
    """Who may only look is offered nothing else."""
    browser.enter()
    harmless = {"Pause", "Find", "Ask the layers", "Export"}
    for name, address in PAGES.items():
        if name == "keys":
            continue
        browser.go(address)
        offered = set(browser.js(
            "all('main button').filter((it) => it.getClientRects().length).map((it) => it.textContent.trim())"))
        expect(offered <= harmless, f"a viewer is offered on {name}: {offered - harmless}")
        expect("Keys" not in browser.js("all('.tabs a').map((it) => it.innerText)"), "a viewer is offered the keys")
    browser.go("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "a viewer sees the story of a call")
    expect(not browser.js("control('End call…')"), "a viewer is offered to end a call")
    say("nothing is offered that changes something")
